/**
 * Which nodes a read may ask, in order: this node itself first, since asking it costs nothing, then the primaries that are
 * not suspected; under a sloppy quorum the nodes that stand in for the others; and those that are suspected last. A read
 * by zone asks all replicas of the zones that count, and nobody else.
 */
import type { Env } from '../src/actor/env.js';
import { Phase, type Placement } from '../src/actor/ports.js';
import type { NodeIndex } from '../src/core/ids.js';
import { spreadOut } from '../src/core/stand-ins.js';
import { type ZoneNeed, zoneNeeds } from '../src/core/zone-quorum.js';
import { Ask, isZoned, quorumOf, zoneQuorumOf } from '../src/protocol/outcome.js';

interface ReadTargets {
  readonly candidates: readonly NodeIndex[];
  /** Those of them that are no primaries. */
  readonly standIns: readonly NodeIndex[];
  /** Primaries that are down. */
  readonly lost: readonly NodeIndex[];
}

/** The nodes whose answers count: the old list until the new holders have everything, then the new one. */
export function readList(placement: Placement, partition: number): readonly NodeIndex[] {
  const { n, phases, preference, next } = placement;
  const list = phases[partition] === Phase.handingOver ? next : preference;
  return [...list.subarray(partition * n, partition * n + n)] as NodeIndex[];
}

/** What a read needs of the zones; nothing where it is by no zone. */
function readNeeds(placement: Placement, self: NodeIndex, partition: number, options: number): readonly ZoneNeed[] {
  if (!isZoned(options)) return NONE;
  const zoneOf = (node: NodeIndex): string => placement.zoneOf(node);
  return zoneNeeds(zoneQuorumOf(options), readList(placement, partition), zoneOf, zoneOf(self));
}

const NONE: readonly never[] = Object.freeze([]);

/** See write-targets.ts. */
const CANDIDATES_MAX = 64;

function chooseReplicas(placement: Placement, self: NodeIndex, partition: number, available: boolean): ReadTargets {
  const primaries = readList(placement, partition);
  const isSuspect = (node: NodeIndex) => node !== self && placement.suspects(node);
  const isDown = (node: NodeIndex) => node !== self && !placement.isUp(node);
  const trusted = primaries.filter((node) => !isSuspect(node));
  const skipped = primaries.length - trusted.length;
  const walk = [...placement.walk(partition)] as NodeIndex[];
  const others = walk.filter((node) => !primaries.includes(node) && !isSuspect(node));
  const standIns = available && skipped > 0 ? standInsOf(placement, others, trusted, self).slice(0, skipped) : [];
  const doubtful = primaries.filter((node) => isSuspect(node) && !isDown(node));
  return {
    candidates: [...ownFirst([...trusted, ...standIns], self), ...doubtful],
    standIns,
    lost: primaries.filter(isDown),
  };
}

/** As a write chooses them, so that a read finds what it has left. */
function standInsOf(
  { nearness }: Placement,
  others: readonly NodeIndex[],
  trusted: readonly NodeIndex[],
  self: NodeIndex,
): readonly NodeIndex[] {
  const [own] = others.filter((node) => node === self);
  const rest = others.filter((node) => node !== self).slice(0, CANDIDATES_MAX);
  if (own === undefined) return spreadOut(rest, trusted, nearness);
  return [own, ...spreadOut(rest, [...trusted, own], nearness)];
}

function ownFirst(nodes: readonly NodeIndex[], self: NodeIndex): readonly NodeIndex[] {
  return nodes.includes(self) ? [self, ...nodes.filter((node) => node !== self)] : nodes;
}

/** What a read with these options asks for, whom it may ask, and who cannot answer. */
export function quorumFor(options: number, partition: number, { placement, node }: Env) {
  const needs = readNeeds(placement, node, partition, options);
  const { n } = placement;
  if (needs.length > 0) {
    const { candidates, lost } = chooseReplicas(placement, node, partition, false);
    const r = needs.reduce((sum, { needed }) => sum + needed, 0);
    const counted = candidates.filter((candidate) => needs.some(({ nodes }) => nodes.includes(candidate)));
    return { quorum: { n, r, monotonic: false, needs }, candidates: counted, lost };
  }
  const { candidates, standIns, lost } = chooseReplicas(placement, node, partition, (options & Ask.available) !== 0);
  const monotonic = (options & Ask.monotonic) !== 0;
  return { quorum: { n, r: quorumOf(options), monotonic, standIns, needs }, candidates, lost };
}
