import test from 'ava';
import fc from 'fast-check';
import { clock, counter, nodeIndex, replicaId } from '../../src/core/ids.js';
import {
  addReadReply,
  addRepaired,
  decideRead,
  type ReadReply,
  type ReadState,
  readRepairs,
  readsNeeded,
  startFetches,
  startRead,
  startRepairs,
} from '../../src/core/read-quorum.js';
import { emptySet, mergeSets, type SiblingSet, sameSet, writeSibling } from '../../src/core/siblings.js';
import { emptyVector, type VersionVector } from '../../src/core/version-vector.js';

function write(set: SiblingSet, replica: number, count: number, context?: VersionVector): SiblingSet {
  return writeSibling(set, context, {
    dot: { replica: replicaId(replica), counter: counter(count) },
    clock: clock(count),
    expiresAtMs: 0,
    tombstone: false,
    tag: 0,
    value: new Uint8Array(),
  });
}

const OLD = write(emptySet(), 1, 1);
const NEW = write(OLD, 1, 2);
const OTHER = write(OLD, 2, 3, emptyVector());
const answer = (node: number, set: SiblingSet): ReadReply => ({ node: nodeIndex(node), set });
const failure = (node: number): ReadReply => ({ node: nodeIndex(node), failed: 'KV_CORRUPT' });
const after = (state: ReadState, ...replies: ReadReply[]): ReadState => replies.reduce(addReadReply, state);
const start = (n: number, r: number, monotonic = false): ReadState => startRead({ n, r, monotonic });

test('read quorum: W=1, R=3, one replica of three holds the newest -> the newest, not the majority', (t) => {
  const state = after(start(3, 3), answer(0, OLD), answer(1, OLD), answer(2, NEW));
  t.deepEqual(decideRead(state), { kind: 'answer', set: NEW, replicas: 3, fallbacks: 0, holders: 1 });
  t.deepEqual(readRepairs(state), [nodeIndex(0), nodeIndex(1)]);
});

test('read quorum: a replica in doubt answers -> counts as a fallback, also once it has taken what it lacked', (t) => {
  const doubtful: ReadReply = { ...answer(1, OLD), isDoubtful: true };
  const plain = after(start(3, 2), answer(0, NEW), doubtful);
  t.deepEqual(decideRead(plain), { kind: 'answer', set: NEW, replicas: 1, fallbacks: 1, holders: 1 });
  const repaired = addRepaired(after(start(3, 2, true), answer(0, NEW), doubtful), nodeIndex(1), NEW);
  t.deepEqual(decideRead(repaired), { kind: 'answer', set: NEW, replicas: 1, fallbacks: 1, holders: 2 });
});

test('read quorum: concurrent writes on two replicas -> both survive, and both replicas need the join', (t) => {
  const state = after(start(3, 2), answer(0, NEW), answer(2, OTHER));
  const decision = decideRead(state);
  t.is(decision.kind === 'answer' && decision.set.siblings.length, 2);
  t.is(decision.kind === 'answer' && decision.holders, 0);
  t.deepEqual(readRepairs(state), [nodeIndex(0), nodeIndex(2)]);
});

for (const [what, n, r, replies, kind] of [
  ['no reply', 3, 2, [], 'wait'],
  ['one answer of two', 3, 2, [answer(0, OLD)], 'wait'],
  ['the same node twice', 3, 2, [answer(0, OLD), answer(0, OLD)], 'wait'],
  ['one failure of three', 3, 2, [failure(0)], 'wait'],
  ['the same failure twice', 3, 2, [failure(0), failure(0)], 'wait'],
  ['two failures of three', 3, 2, [failure(0), failure(1)], 'unmet'],
  ['a failure, then an answer of the same node', 3, 3, [failure(0), answer(0, OLD), answer(1, OLD)], 'wait'],
  ['two answers and a failure', 3, 2, [answer(0, OLD), failure(1), answer(2, OLD)], 'answer'],
  ['an answer, then a failure of the same node', 1, 1, [answer(0, OLD), failure(0)], 'answer'],
  ['R=N and one failure', 3, 3, [answer(0, OLD), failure(1)], 'unmet'],
  ['empty answers', 3, 2, [answer(0, emptySet()), answer(1, emptySet())], 'answer'],
] as const) {
  test(`read quorum: N=${n} R=${r}, ${what} -> ${kind}`, (t) => {
    t.is(decideRead(after(start(n, r), ...replies)).kind, kind);
  });
}

test('read quorum: unmet -> says how many were needed and got', (t) => {
  const state = after(start(3, 2), answer(0, OLD), failure(1), failure(2));
  t.deepEqual(decideRead(state), { kind: 'unmet', needed: 2, got: 1 });
});

test('monotonic read: a newer record on one of two -> repairs, waits, then answers with N-R+1 holders', (t) => {
  let state = after(start(3, 2, true), answer(0, OLD), answer(1, NEW));
  t.deepEqual(decideRead(state), { kind: 'repair', set: NEW, nodes: [nodeIndex(0)] });
  state = startRepairs(state, NEW, [nodeIndex(0)]);
  t.is(decideRead(state).kind, 'wait');
  state = addRepaired(state, nodeIndex(0), NEW);
  t.deepEqual(decideRead(state), { kind: 'answer', set: NEW, replicas: 2, fallbacks: 0, holders: 2 });
});

test('monotonic read: the repair fails -> a third replica that holds it counts, else unmet', (t) => {
  let state = after(start(3, 2, true), answer(0, OLD), answer(1, NEW));
  state = after(startRepairs(state, NEW, [nodeIndex(0)]), failure(0));
  t.is(decideRead(state).kind, 'wait');
  t.is(decideRead(after(state, answer(2, NEW))).kind, 'answer');
  t.deepEqual(decideRead(after(state, failure(2))), { kind: 'unmet', needed: 2, got: 1 });
});

test('monotonic read: a still newer record arrives during the repair -> repairs anew with the join', (t) => {
  let state = after(start(3, 2, true), answer(0, OLD), answer(1, NEW));
  state = addReadReply(startRepairs(state, NEW, [nodeIndex(0)]), answer(2, OTHER));
  const decision = decideRead(state);
  t.deepEqual(decision.kind === 'repair' && decision.nodes, [0, 1, 2].map(nodeIndex));
  t.is(decision.kind === 'repair' && decision.set.siblings.length, 2);
});

test('monotonic read: R=1 of 3 -> needs all three', (t) => {
  t.is(readsNeeded({ n: 3, r: 1, monotonic: true }), 3);
  t.is(readsNeeded({ n: 3, r: 1, monotonic: false }), 1);
  const two = after(start(3, 1, true), answer(0, NEW), answer(1, NEW));
  t.is(decideRead(two).kind, 'wait');
  t.is(decideRead(after(two, answer(2, NEW))).kind, 'answer');
  t.is(decideRead(after(two, failure(2))).kind, 'unmet');
});

const versions = (node: number, set: SiblingSet): ReadReply => ({ node: nodeIndex(node), set, versionsOnly: true });

test('digest read: the versions of the others tell nothing new -> the one record is the answer', (t) => {
  const state = after(start(3, 3), answer(0, NEW), versions(1, NEW), versions(2, OLD));
  t.deepEqual(decideRead(state), { kind: 'answer', set: NEW, replicas: 3, fallbacks: 0, holders: 2 });
  t.deepEqual(readRepairs(state), [nodeIndex(2)]);
});

test('digest read: a replica has something newer -> its record is fetched, once, and is in the answer', (t) => {
  let state = after(start(3, 2), answer(0, OLD), versions(1, NEW));
  t.deepEqual(decideRead(state), { kind: 'fetch', nodes: [nodeIndex(1)] });
  state = startFetches(state, [nodeIndex(1)]);
  t.is(decideRead(state).kind, 'wait');
  t.deepEqual(decideRead(after(state, answer(1, NEW))), {
    kind: 'answer',
    set: NEW,
    replicas: 2,
    fallbacks: 0,
    holders: 1,
  });
});

test('digest read: the record that was fetched does not come -> that replica has not answered', (t) => {
  const state = after(startFetches(after(start(3, 2), answer(0, OLD), versions(1, NEW)), [nodeIndex(1)]), failure(1));
  t.is(decideRead(state).kind, 'wait');
  t.is(decideRead(after(state, answer(2, OLD))).kind, 'answer');
  t.deepEqual(decideRead(after(state, failure(2))), { kind: 'unmet', needed: 2, got: 1 });
});

test('digest read: the replica that was asked for its record fails -> another one’s is fetched', (t) => {
  const state = after(start(3, 2), failure(0), versions(1, OLD), versions(2, OLD));
  t.deepEqual(decideRead(state), { kind: 'fetch', nodes: [1, 2].map(nodeIndex) });
  t.is(decideRead(after(start(3, 2), failure(0), versions(1, emptySet()), versions(2, emptySet()))).kind, 'answer');
});

test('digest read: a replica that gave its record away meanwhile -> what it says last counts', (t) => {
  const fetching = startFetches(after(start(3, 2), answer(0, OLD), versions(1, NEW)), [nodeIndex(1)]);
  const decision = decideRead(after(fetching, answer(1, emptySet()), versions(1, NEW)));
  t.is(decision.kind === 'answer' && decision.set, OLD);
});

test('monotonic read: versions tell that a replica is behind -> it is repaired without its record', (t) => {
  const state = after(start(3, 2, true), answer(0, NEW), versions(1, OLD));
  t.deepEqual(decideRead(state), { kind: 'repair', set: NEW, nodes: [nodeIndex(1)] });
});

test('sloppy read: a node that stands in -> counts towards R, and the answer names it', (t) => {
  const sloppy = startRead({ n: 3, r: 2, monotonic: false, standIns: [nodeIndex(5)] });
  const state = after(sloppy, failure(1), failure(2), answer(0, OLD));
  t.is(decideRead(state).kind, 'wait');
  t.deepEqual(decideRead(after(state, answer(5, NEW))), {
    kind: 'answer',
    set: NEW,
    replicas: 1,
    fallbacks: 1,
    holders: 1,
  });
  t.deepEqual(decideRead(after(state, failure(5))), { kind: 'unmet', needed: 2, got: 1 });
});

/** A set as versions tell it: what stands for the values must never be in an answer. */
const stripped = (set: SiblingSet): SiblingSet => ({
  vector: set.vector,
  siblings: set.siblings.map((sibling) => ({ ...sibling, tag: 99 })),
});

/** Answers every fetch of a read whose replicas hold these sets, until it ends. */
function settleDigests(sets: readonly SiblingSet[], r: number, fullFrom: number) {
  let state = start(sets.length, r);
  for (const [node, set] of sets.slice(0, r).entries()) {
    state = addReadReply(state, node === fullFrom ? answer(node, set) : versions(node, stripped(set)));
  }
  for (let rounds = 0; ; rounds++) {
    const decision = decideRead(state);
    if (decision.kind !== 'fetch') return { decision, rounds };
    state = startFetches(state, decision.nodes);
    for (const node of decision.nodes) state = addReadReply(state, answer(node, sets[node]));
  }
}

const pool = [emptySet(), OLD, NEW, OTHER, mergeSets(NEW, OTHER)];
const replyLists = fc.array(
  fc.oneof(
    fc.tuple(fc.nat(4), fc.nat(4)).map(([node, pick]) => answer(node, pool[pick])),
    fc.nat(4).map(failure),
  ),
  { maxLength: 12 },
);

test('read quorum: any replies -> an answer is the join of all, held by `holders`, the rest to be repaired', (t) => {
  fc.assert(
    fc.property(replyLists, fc.integer({ min: 1, max: 5 }), (replies, r) => {
      const state = after(start(5, r), ...replies);
      const decision = decideRead(state);
      const sets = replies.flatMap((reply) => ('set' in reply ? [reply.set] : []));
      const joined = sets.reduce(mergeSets, emptySet());
      if (decision.kind !== 'answer') return;
      t.true(sameSet(decision.set, joined));
      t.true(decision.replicas >= r);
      t.is(decision.holders + readRepairs(state).length, decision.replicas);
    }),
  );
});

test('monotonic read: any replies, every repair confirmed -> ends in an answer with N-R+1 holders, or unmet', (t) => {
  fc.assert(
    fc.property(replyLists, fc.integer({ min: 1, max: 5 }), (replies, r) => {
      const missing = [0, 1, 2, 3, 4].filter((node) => !replies.some((reply) => reply.node === nodeIndex(node)));
      let state = after(start(5, r, true), ...replies, ...missing.map((node) => answer(node, OLD)));
      let decision = decideRead(state);
      if (decision.kind === 'repair') {
        const { set, nodes } = decision;
        state = startRepairs(state, set, nodes);
        for (const node of nodes) state = addRepaired(state, node, set);
        decision = decideRead(state);
      }
      if (decision.kind === 'answer') t.true(decision.holders >= 5 - r + 1 && decision.replicas >= r);
      else t.is(decision.kind, 'unmet');
    }),
  );
});

test('digest read: any records on any replicas -> the answer of a read of all records, after one more round at most', (t) => {
  const sets = fc.array(fc.constantFrom(...pool), { minLength: 5, maxLength: 5 });
  fc.assert(
    fc.property(sets, fc.integer({ min: 1, max: 5 }), fc.nat(4), (held, r, from) => {
      const { decision, rounds } = settleDigests(held, r, from % r);
      const full = decideRead(after(start(5, r), ...held.slice(0, r).map((set, node) => answer(node, set))));
      t.true(rounds <= 1);
      t.deepEqual(decision, full);
    }),
  );
});
