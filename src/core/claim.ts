/**
 * The owner of each partition: that one of its holders which coordinates its writes while it is up.
 *
 * Owners are shared out like replicas: a node owns one N-th of the partitions that it holds, rounded up or down. Each
 * partition starts with the holder that scores highest (rendezvous), so that owners stay where they are when the ring
 * changes elsewhere; chains of hand-overs then level the counts. A fair rounding always exists, because owning an N-th
 * of every partition is a fractional flow.
 */
import { assert } from './errors.js';
import type { NodeIndex } from './ids.js';
import { placeReplicas } from './placement.js';
import type { Placement, RingMap } from './ring.js';
import { score } from './seats.js';

const placements = new WeakMap<RingMap, Placement>();
const claims = new WeakMap<RingMap, readonly NodeIndex[]>();

/** The owner of each partition. A pure function of the map, which must be valid; computed once per map object. */
export function claim(map: RingMap): readonly NodeIndex[] {
  let owners = claims.get(map);
  if (owners === undefined) {
    owners = Object.freeze(shareOwners(placementOf(map)));
    claims.set(map, owners);
  }
  return owners;
}

/** The holders of each partition, best score first. A pure function of the map; computed once per map object. */
export function placementOf(map: RingMap): Placement {
  let placement = placements.get(map);
  if (placement === undefined) {
    placement = placeReplicas(map).map((list, partition) => Object.freeze(byScore(list, partition)));
    placements.set(map, Object.freeze(placement));
  }
  return placement;
}

function byScore(list: readonly NodeIndex[], partition: number): readonly NodeIndex[] {
  return [...list].sort((a, b) => score(partition, b) - score(partition, a) || a - b);
}

interface Owning {
  readonly placement: Placement;
  readonly owners: NodeIndex[];
  readonly owned: Map<NodeIndex, number>;
  /** Fair number of owned partitions, not rounded. */
  readonly fair: Map<NodeIndex, number>;
}

function shareOwners(placement: Placement): NodeIndex[] {
  const owning: Owning = { placement, owners: placement.map((list) => list[0]), owned: new Map(), fair: new Map() };
  placement.forEach((list) => {
    for (const node of list) {
      owning.fair.set(node, (owning.fair.get(node) ?? 0) + 1 / list.length);
      owning.owned.set(node, owning.owned.get(node) ?? 0);
    }
    owning.owned.set(list[0], (owning.owned.get(list[0]) as number) + 1);
  });
  const nodes = [...owning.fair.keys()].sort((a, b) => a - b);
  for (const node of nodes) {
    while (excess(owning, node) > 0) handOver(owning, [node], (other) => excess(owning, other) < 0);
  }
  for (const node of nodes) {
    while (shortage(owning, node) > 0)
      handOver(
        owning,
        nodes.filter((other) => shortage(owning, other) < 0),
        (other) => other === node,
      );
  }
  return owning.owners;
}

/** Hands one partition along the shortest chain of co-holders from one of the givers to a taker. */
function handOver(
  { placement, owners, owned }: Owning,
  givers: readonly NodeIndex[],
  isTaker: (n: NodeIndex) => boolean,
): void {
  const via = new Map<NodeIndex, { partition: number; giver: NodeIndex } | undefined>(
    givers.map((node) => [node, undefined]),
  );
  for (let frontier = [...givers]; frontier.length > 0; ) {
    const next: NodeIndex[] = [];
    const asking = new Set(frontier);
    for (let partition = 0; partition < owners.length; partition++) {
      const giver = owners[partition];
      if (!asking.has(giver)) continue;
      for (const node of placement[partition]) {
        if (via.has(node)) continue;
        via.set(node, { partition, giver });
        next.push(node);
      }
    }
    const end = next.find(isTaker);
    if (end !== undefined) {
      let taker = end;
      for (let link = via.get(taker); link !== undefined; link = via.get(taker)) {
        owners[link.partition] = taker;
        taker = link.giver;
      }
      owned.set(end, (owned.get(end) as number) + 1);
      owned.set(taker, (owned.get(taker) as number) - 1);
      return;
    }
    frontier = next;
  }
  assert(false, 'owners can be shared out fairly');
}

const SLACK = 1e-6;

function excess({ owned, fair }: Owning, node: NodeIndex): number {
  return (owned.get(node) as number) - Math.ceil((fair.get(node) as number) - SLACK);
}

function shortage({ owned, fair }: Owning, node: NodeIndex): number {
  return Math.floor((fair.get(node) as number) + SLACK) - (owned.get(node) as number);
}
