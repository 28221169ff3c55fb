/** Ring states for tests of their packed form, drawn by fast-check: whatever a state may hold, and large ones amid a move. */
import fc from 'fast-check';
import { epoch, NODE_COUNT_MAX, type NodeIndex, nodeIndex } from '../../src/core/ids.js';
import type { Member } from '../../src/core/ring.js';
import { type ChangeKind, Phase, type RingState } from '../../src/core/ring-state.js';

/** As plain objects are. */
const record = <Model extends object>(model: { [Key in keyof Model]: fc.Arbitrary<Model[Key]> }) =>
  fc.record<Model>(model, { noNullPrototype: true });

const DOMAINS = ['node', 'host', 'machine', 'zone'] as const;
const KINDS: readonly ChangeKind[] = ['join', 'leave', 'replace', 'reweight', 'failure-domain'];

const text = fc.string({ unit: 'grapheme', maxLength: 12 });
const node = fc.nat(NODE_COUNT_MAX - 1).map(nodeIndex);
const nodes = fc.uniqueArray(node, { maxLength: 12 });
const anEpoch = fc.oneof(fc.nat(300), fc.nat(70_000), fc.nat(0xffff_ffff));
const member: fc.Arbitrary<Member> = record({
  node,
  host: text,
  machine: fc.oneof(fc.constant('machine'), text),
  zone: fc.oneof(fc.constant('zone'), text),
  weight: fc.oneof(fc.constantFrom(1, 0.1, 100), fc.double({ min: 0.1, max: 100, noNaN: true })),
});
const members = fc.uniqueArray(member, { minLength: 1, maxLength: 20, selector: (one) => one.node });
const hosts = fc.array(record({ host: text, first: fc.nat(NODE_COUNT_MAX), room: fc.nat(NODE_COUNT_MAX) }), {
  maxLength: 5,
});

/** Of each list of a partition the nodes in any order, twice too: what a ring may hold is not what makes sense. */
function states(partitions: number, n: number): fc.Arbitrary<RingState> {
  const perPartition = <Item>(of: fc.Arbitrary<Item>) => fc.array(of, { minLength: partitions, maxLength: partitions });
  const list = fc.array(fc.oneof(fc.nat(9).map(nodeIndex), node), { minLength: n, maxLength: n });
  const phase = fc.constantFrom(Phase.settled, Phase.filling, Phase.handingOver);
  const step = record({ old: list, next: list, keeps: fc.boolean(), phase });
  const settled = record({
    epoch: anEpoch.map(epoch),
    failureDomain: fc.constantFrom(...DOMAINS),
    members,
    changedAt: perPartition(anEpoch),
    begunAt: perPartition(anEpoch),
    hosts,
    leavers: nodes,
  });
  const named = record({
    id: anEpoch,
    kind: fc.constantFrom(...KINDS),
    members,
    failureDomain: fc.constantFrom(...DOMAINS),
    gone: nodes,
  });
  return fc.tuple(settled, perPartition(step), fc.option(named)).map(([shape, steps, move]) => {
    const lists = steps.map(({ old }) => old);
    const state = { ...shape, partitions, n, lists };
    if (move === null) return state;
    // as a change makes it: the new list is the old one, but for a node or two
    const next = steps.map(({ old, next: other, keeps, phase: at }) =>
      at === Phase.settled ? old : keeps ? [...old.slice(1), other[0]] : other,
    );
    return { ...state, move: { ...move, next, phases: steps.map(({ phase: at }) => at) } };
  });
}

export const anyState: fc.Arbitrary<RingState> = record({
  partitions: fc.constantFrom(1, 8, 16),
  n: fc.integer({ min: 1, max: 9 }),
}).chain(({ partitions, n }) => states(partitions, n));

export interface LargeRing {
  /** In all, of one node each. */
  readonly hosts: number;
  /** `replace`: the first half of the hosts by the others; else the replicas move between all of them. */
  readonly kind: 'replace' | 'failure-domain';
  readonly partitions: number;
  readonly n: number;
  /** A whole number from 0 on, at random. */
  readonly below: (end: number) => number;
}

/** All partitions move, from nodes at random to others at random; each has epochs of its own; the hosts have long names. */
export function largeRing({ hosts, kind, partitions, n, below }: LargeRing): RingState {
  const all = Array.from(
    { length: hosts },
    (_, index): Member => ({
      node: nodeIndex(Math.floor((index * NODE_COUNT_MAX) / hosts)),
      host: `host-${index}.storage.eu-central-1.example.org`,
      machine: `ip-10-${index >>> 8}-0-${index & 255}.internal`,
      zone: `zone-${index % 3}`,
      weight: 1,
    }),
  );
  const old = kind === 'replace' ? all.slice(0, hosts / 2) : all;
  const next = kind === 'replace' ? all.slice(hosts / 2) : all;
  const drawn = (from: readonly Member[]): NodeIndex[] => {
    const taken = new Set<NodeIndex>();
    while (taken.size < n) taken.add(from[below(from.length)].node);
    return [...taken];
  };
  const lists = Array.from({ length: partitions }, () => drawn(old));
  const begunAt = lists.map(() => 1 + below(60_000));
  return {
    epoch: epoch(100_000),
    partitions,
    n,
    failureDomain: 'node',
    members: old,
    lists,
    begunAt,
    changedAt: begunAt.map((at) => at + below(30_000)),
    hosts: [],
    leavers: [],
    move: {
      id: 99_000,
      kind,
      members: next,
      failureDomain: 'host',
      next: lists.map(() => drawn(next)),
      phases: lists.map(() => Phase.filling),
      gone: [],
    },
  };
}
