/** What nodes in doubt are asked for all the same, what is made of their answers, and peers that fail while one compares. */
import test from 'ava';
import type { AntiEntropyState } from '../../actors/anti-entropy.js';
import { pullHooks } from '../../actors/doubt-rounds.js';
import { KeyPolls } from '../../actors/key-polls.js';
import { addressOf, nodeOf, Role } from '../../src/actor/address.js';
import { PartitionDoubts } from '../../src/actor/partition-doubts.js';
import { epoch, nodeIndex, type PartitionId } from '../../src/core/ids.js';
import { Phase, type RingState } from '../../src/core/ring-state.js';
import type { SiblingSet } from '../../src/core/siblings.js';
import { Unread } from '../../src/protocol/mend-messages.js';
import { Answer, Kind } from '../../src/protocol/messages.js';
import { failure, success } from '../../src/protocol/outcome.js';
import { valueWord } from '../../src/protocol/record.js';
import type { ReadCall } from '../../src/sim/calls.js';
import { type Draft, fetchedDraft, partsOf, type ReadOrder, valuesOf } from '../../src/sim/messages.js';
import { World } from '../../src/sim/world.js';
import type { WorldOptions } from '../../src/sim/world-options.js';
import { rollBack, wipe } from '../sim/losses.js';
import { heldAt, putAt } from '../sim/replicas.js';
import { SimEnv, type SimEnvOptions, settledRing } from '../sim/sim-env.js';
import { joined, plain } from './sets.js';

const KEY = 'k';

const world = (options: Partial<WorldOptions> = {}): World =>
  new World({ seed: 3, nodes: 3, n: 3, partitions: 8, ...options });

/** What a read that this node coordinates comes to. */
function read(one: World, node: number, order: Partial<ReadOrder>): ReadCall {
  const call = one.clients[0].read({ key: KEY, r: 2, ...order }, { node });
  one.runUntil(() => call.endMs < Number.POSITIVE_INFINITY);
  return call;
}

/** Partitions, of all nodes, that are in doubt. */
const inDoubt = (one: World): number => one.nodes.reduce((sum, { doubts }) => sum + doubts.size, 0);

test('doubtful: reads where too few others are left -> none under `strict`; under `available` it stands in for a primary', (t) => {
  const one = world();
  const [a, b, c] = one.nodes;
  for (const node of [a, b, c]) putAt(node, KEY, plain('a', 1, 'kept'));
  wipe(one, b);
  one.crash(c);
  t.is(read(one, 0, {}).error, 'KV_READ_QUORUM_UNMET');
  t.is(read(one, 1, { monotonic: true }).error, 'KV_READ_QUORUM_UNMET');
  for (const [node, order] of [
    [0, {}],
    [1, {}],
    [1, { monotonic: true }],
  ] as const) {
    const { error, replicas, fallbacks, set } = read(one, node, { available: true, ...order });
    t.deepEqual([error, valuesOf(set)], [undefined, ['kept']]);
    t.true(replicas === 1 && fallbacks === 1, `${replicas}, ${fallbacks}`);
  }
  t.true(b.doubts.size > 0);
});

test('doubtful: an available read, and enough others are there -> it shows what those have', (t) => {
  const one = world();
  const [a, b, c] = one.nodes;
  for (const node of [a, b, c]) putAt(node, KEY, plain('a', 1, 'kept'));
  wipe(one, b);
  const { replicas, fallbacks, set } = read(one, 1, { r: 1, available: true });
  t.deepEqual([replicas, fallbacks, valuesOf(set)], [1, 0, ['kept']]);
  t.is(heldAt(b, KEY).siblings.length, 0, 'it was asked before it was filled');
});

test('doubtful: a disk from the past -> answers no read of either mode, which would spread what is long deleted', (t) => {
  const one = world();
  const [a, b, c] = one.nodes;
  putAt(b, KEY, plain('a', 1, 'long deleted and collected'));
  rollBack(one, b);
  one.crash(c);
  for (const node of [0, 1]) t.is(read(one, node, { available: true }).error, 'KV_READ_QUORUM_UNMET');
  one.runFor(200);
  t.is(heldAt(a, KEY).siblings.length, 0);
});

test('doubtful: holders that may have lost a write -> their answers are none of those that replace what cannot be read', (t) => {
  const one = world({ nodes: 5, n: 5, quorums: { r: 3, w: 3 } });
  const [a, b, c, d, e] = one.nodes;
  for (const node of [a, b, c]) putAt(node, KEY, plain('a', 2, 'acknowledged'));
  putAt(d, KEY, plain('a', 1, 'older'));
  one.crash(c);
  for (const node of [b, e]) wipe(one, node);
  a.store.corrupt.add(KEY);
  read(one, 0, { r: 3 });
  one.runFor(20_000);
  t.true(a.store.corrupt.has(KEY), 'too few have said what they hold');
  one.restart(c);
  t.true(one.runUntil(() => inDoubt(one) === 0, 60_000));
  read(one, 0, { r: 3 });
  t.true(one.runUntil(() => !a.store.corrupt.has(KEY), 1_000));
  t.deepEqual(valuesOf(heldAt(a, KEY)), ['acknowledged']);
});

test('doubtful: a holder with a disk from the past -> what it holds comes not back in place of what cannot be read', (t) => {
  const one = world();
  const [a, b, c] = one.nodes;
  putAt(b, KEY, plain('a', 1, 'long deleted and collected'));
  for (const node of [a, c]) putAt(node, KEY, plain('b', 9, 'written anew'));
  a.store.corrupt.add(KEY);
  rollBack(one, b);
  read(one, 0, { r: 3 });
  t.true(one.runUntil(() => inDoubt(one) === 0, 60_000));
  read(one, 0, { r: 3 });
  t.true(one.runUntil(() => !a.store.corrupt.has(KEY), 1_000));
  for (const node of [a, b, c]) t.deepEqual(valuesOf(heldAt(node, KEY)), ['written anew']);
});

/** The only partition goes from nodes 0, 1, 2 to 1, 2, 3, which has yet to be filled. */
function fillingRing(): RingState {
  const ring = settledRing(3, 1);
  const { members, failureDomain } = ring;
  const next = [[1, 2, 3].map(nodeIndex)];
  const move = { id: 2, kind: 'join' as const, members, failureDomain, next, phases: [Phase.filling], gone: [] };
  return { ...ring, epoch: epoch(2), changedAt: [2], begunAt: [2], move };
}

const unreadDraft: Draft = {
  tag: Kind.unread,
  bytes: (Unread.key + 2) * 4,
  fill(words, bytes, at) {
    const { hash, slot, bytes: key } = partsOf(KEY);
    words[at + Unread.keyHash] = hash;
    words[at + Unread.keySlot] = key.length | (slot << 16);
    bytes.set(key, (at + Unread.key) * 4);
  },
};

/** Node 0 cannot read its record and asks the others for theirs. */
class PollCase {
  readonly env: SimEnv;
  readonly asked: readonly number[];
  readonly #request: number;

  constructor(options: SimEnvOptions = {}) {
    this.env = new SimEnv({ roles: [Role.vnode, Role.antiEntropy], intervalMs: 600_000, ...options });
    this.env.store.corrupt.add(KEY);
    const sent = this.env.deliver(Role.antiEntropy, unreadDraft).filter(({ tag }) => tag === Kind.fetch);
    this.asked = sent.map(({ to }) => nodeOf(to));
    [{ request: this.#request }] = sent;
  }

  answer(node: number, draft: Draft): this {
    this.env.deliver(Role.antiEntropy, draft, { from: addressOf(Role.vnode, node, 0), request: this.#request });
    return this;
  }

  /** What the node holds by now; undefined where it still cannot read that. */
  get held(): (string | null)[] | undefined {
    return this.env.store.corrupt.has(KEY) ? undefined : valuesOf(this.env.held(KEY));
  }
}

const holds = (set: SiblingSet): Draft => fetchedDraft(KEY, success(1, 0), set);
const VALUE = plain('a', 1, 'v');

/** A record whose inner lengths do not fit its size. */
function torn(): Draft {
  const draft = holds(joined(VALUE, plain('b', 1, 'w')));
  return {
    ...draft,
    fill(words, bytes, at) {
      draft.fill(words, bytes, at);
      const record = at + Answer.record;
      words[record + valueWord(words, record) + 1] = 99;
    },
  };
}

test('polls: a node that is yet to be filled -> its answer is no vote', (t) => {
  const settled = new PollCase().answer(1, holds(VALUE));
  t.is(settled.held, undefined);
  t.deepEqual(settled.answer(2, holds(VALUE)).held, ['v']);
  const filling = (answers: readonly number[]) => {
    const poll = new PollCase({ ring: fillingRing() });
    t.deepEqual(poll.asked, [1, 2, 3]);
    for (const node of [1, 2, 3])
      poll.answer(node, answers.includes(node) ? holds(VALUE) : fetchedDraft(KEY, failure('KV_CORRUPT'), VALUE));
    return poll.held;
  };
  t.is(filling([1, 3]), undefined);
  t.deepEqual(filling([1, 2]), ['v']);
});

test('polls: a damaged answer -> is none, and the actor goes on', (t) => {
  const poll = new PollCase().answer(1, holds(VALUE)).answer(2, torn());
  t.deepEqual([poll.env.thrown, poll.held], [[], undefined]);
  const state = poll.env.system.stateOf(Role.antiEntropy, 0) as AntiEntropyState;
  t.is(state.polls.size, 0);
});

test('pulls: a damaged record comes to a disk from the past -> it is asked for again, and the actor goes on', (t) => {
  const env = new SimEnv();
  putAt(env, KEY, VALUE);
  const hooks = { onSettled: () => undefined, onAllSettled: () => undefined };
  const polls = new KeyPolls(() => 1, { n: 3, w: 2 }, env.store);
  const options = { doubts: new PartitionDoubts(1, 'rollback', hooks) };
  const { onFetched } = pullHooks({ polls, options }, 0 as PartitionId, env.system);
  for (const [draft, verdict] of [
    [torn(), 'later'],
    [holds(VALUE), 'merge'],
  ] as const) {
    const words = new Int32Array(draft.bytes / 4);
    const bytes = Buffer.from(words.buffer);
    draft.fill(words, bytes, 0);
    t.is(onFetched(words, bytes, Answer.record), verdict);
  }
});

test('doubts: a peer says nothing for ever -> the others are compared with, and are enough', (t) => {
  const mute = new Set<number>();
  const one = world({
    nodes: 5,
    n: 5,
    partitions: 16,
    quorums: { r: 3, w: 3 },
    wrap: (role, behaviour, node) => {
      const { compare } = behaviour.receive;
      if (role !== Role.antiEntropy || compare === undefined) return behaviour;
      const answering: typeof compare = (state, message, env) => {
        if (!mute.has(node.index)) compare(state, message, env);
      };
      return { ...behaviour, receive: { ...behaviour.receive, compare: answering } };
    },
  });
  for (let index = 0; index < 20; index++) {
    for (const node of one.nodes) putAt(node, `key-${index}`, plain('a', index + 1, 'same'));
  }
  for (const peer of [0, 1, 3, 4]) {
    mute.clear();
    mute.add(peer);
    wipe(one, one.nodes[2]);
    t.true(
      one.runUntil(() => one.nodes[2].doubts.size === 0, 300_000),
      `node ${peer} is mute`,
    );
    t.is(one.nodes[2].mayBeLost, 0);
    for (let index = 0; index < 20; index++) t.is(heldAt(one.nodes[2], `key-${index}`).siblings.length, 1);
  }
});

test('doubts: a peer takes no writes -> whoever has all that it holds counts', (t) => {
  const one = world();
  const [a, b, c] = one.nodes;
  for (const node of [a, b, c]) putAt(node, KEY, plain('a', 1, 'same'));
  putAt(b, 'only here', plain('a', 2, 'never acknowledged'));
  b.disk.doubt = 'loss';
  one.crash(b);
  a.store.refusal = failure('KV_STORAGE_FULL');
  one.restart(b);
  t.true(b.doubts.size > 0);
  t.true(one.runUntil(() => b.doubts.size === 0, 60_000));
  t.is(heldAt(a, 'only here').siblings.length, 0);
});
