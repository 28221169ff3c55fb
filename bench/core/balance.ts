/**
 * How fair the claim is, and how little a join or a leave moves: rings of 3 to 100 nodes, equal and mixed weights, by
 * each failure domain. `node dist/bench/core/balance.js [--json] [--quick]`.
 *
 * `offPercent` is the worst node's distance from its fair replicas in percent, `off` in replicas; `join` and `leave` are
 * the replicas that move, divided by those that the joiner must receive or the leaver held (leave: anchored).
 */
import { fileURLToPath } from 'node:url';
import { claim } from '../../src/core/claim.js';
import { assert } from '../../src/core/errors.js';
import { expectedShares } from '../../src/core/fair-share.js';
import { epoch, nodeIndex } from '../../src/core/ids.js';
import type { FailureDomain } from '../../src/core/options.js';
import { movement, placeReplicas } from '../../src/core/placement.js';
import { preferenceLists } from '../../src/core/preference-list.js';
import { domainCount, type Member, type RingMap } from '../../src/core/ring.js';

export interface BalanceRow {
  readonly failureDomain: FailureDomain;
  readonly weights: 'equal' | 'mixed';
  readonly nodes: number;
  readonly partitions: number;
  readonly offPercent: number;
  readonly off: number;
  /** Whether the shares keep the promise: 5 % from 40 owned partitions on, else 10 % or one replica. */
  readonly kept: boolean;
  readonly join: number;
  readonly leave: number;
  readonly claimMs: number;
}

const MIXED = [0.5, 1, 1, 2, 4];

/** One row per ring; `nodeCounts` are the sizes before the join. */
export function measureBalance(nodeCounts: readonly number[], partitionCounts: readonly number[]): BalanceRow[] {
  const rows: BalanceRow[] = [];
  for (const failureDomain of ['node', 'host', 'zone'] as const) {
    for (const weights of ['equal', 'mixed'] as const) {
      for (const partitions of partitionCounts) {
        for (const nodes of nodeCounts) rows.push(measureRing(failureDomain, weights, nodes, partitions));
      }
    }
  }
  return rows;
}

function measureRing(
  failureDomain: FailureDomain,
  weights: 'equal' | 'mixed',
  nodes: number,
  partitions: number,
): BalanceRow {
  const grown = makeRing(failureDomain, weights, nodes + 1, partitions);
  const map: RingMap = { ...grown, members: grown.members.slice(0, nodes) };
  const startMs = performance.now();
  const lists = preferenceLists(map, claim(map));
  const claimMs = performance.now() - startMs;
  const joiner = grown.members[nodes].node;
  const joined = movement(lists, placeReplicas(grown)) / (expectedShares(grown).get(joiner) as number);
  return {
    failureDomain,
    weights,
    nodes,
    partitions,
    ...fairness(map, lists),
    join: joined,
    leave: leaveRatio(map, lists),
    claimMs,
  };
}

function fairness(
  map: RingMap,
  lists: readonly (readonly number[])[],
): Pick<BalanceRow, 'offPercent' | 'off' | 'kept'> {
  const shares = [...expectedShares(map)];
  const isLarge = Math.min(...shares.map(([, fair]) => fair)) / map.n >= 40;
  let off = 0;
  let offPercent = 0;
  let kept = true;
  for (const [node, fair] of shares) {
    const distance = Math.abs(lists.reduce((count, list) => count + (list.includes(node) ? 1 : 0), 0) - fair);
    off = Math.max(off, distance);
    offPercent = Math.max(offPercent, (100 * distance) / fair);
    kept &&= isLarge ? distance <= 0.05 * fair : distance <= Math.max(0.1 * fair, 1 + 1e-9);
  }
  return { offPercent, off, kept };
}

function leaveRatio(map: RingMap, anchor: RingMap['anchor'] & object): number {
  const leaver = map.members[Math.floor(map.members.length / 2)].node;
  const left: RingMap = { ...map, anchor, members: map.members.filter(({ node }) => node !== leaver) };
  if (domainCount(left) < map.n) return Number.NaN;
  const held = anchor.reduce((count, list) => count + (list.includes(leaver) ? 1 : 0), 0);
  return movement(anchor, placeReplicas(left)) / held;
}

/** Hosts of about four nodes, five zones; the first three nodes stand apart, so that N=3 is possible. */
function makeRing(
  failureDomain: FailureDomain,
  weights: 'equal' | 'mixed',
  nodes: number,
  partitions: number,
): RingMap {
  const hosts = Math.max(3, Math.ceil(nodes / 4));
  const zones = nodes >= 5 ? 5 : 3;
  const members = Array.from({ length: nodes }, (_, node): Member => {
    const draw = (node * 2_654_435_761) % 4_294_967_296;
    const host = node < 3 ? node : (draw >>> 8) % hosts;
    return {
      node: nodeIndex(node),
      host: `host-${host}`,
      machine: 'machine',
      zone: `zone-${host % zones}`,
      weight: weights === 'mixed' ? MIXED[(draw >>> 4) % MIXED.length] : 1,
    };
  });
  return { epoch: epoch(1), partitions, n: 3, failureDomain, members };
}

function main(): void {
  const isQuick = process.argv.includes('--quick');
  const sizes = isQuick ? [3, 5, 10] : [3, 4, 5, 6, 8, 10, 13, 20, 33, 50, 75, 99];
  const rows = measureBalance(sizes, isQuick ? [256] : [256, 4096]);
  assert(
    rows.every(({ kept }) => kept),
    'every ring keeps the promise on shares',
  );
  if (process.argv.includes('--json')) {
    process.stdout.write(`${JSON.stringify(rows)}\n`);
    return;
  }
  const cells = (row: BalanceRow): (string | number)[] => [
    row.failureDomain,
    row.weights,
    row.partitions,
    row.nodes,
    row.offPercent.toFixed(1),
    row.off.toFixed(1),
    row.kept ? 'yes' : 'NO',
    row.join.toFixed(2),
    Number.isNaN(row.leave) ? '-' : row.leave.toFixed(2),
    row.claimMs.toFixed(1),
  ];
  const head = ['domain', 'weights', 'Q', 'nodes', 'off %', 'off', 'kept', 'join', 'leave', 'claim ms'];
  for (const line of [head, ...rows.map(cells)]) {
    process.stdout.write(`${line.map((cell) => String(cell).padStart(8)).join(' ')}\n`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
