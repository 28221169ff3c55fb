/** Writes that wait for a record that their node cannot read, seen from outside of one node: in what order, how many, how long. */
import test from 'ava';
import { addressOf, nodeOf, Role } from '../../src/actor/address.js';
import type { Env } from '../../src/actor/env.js';
import { epoch } from '../../src/core/ids.js';
import type { SiblingSet } from '../../src/core/siblings.js';
import { Kind, Replicate } from '../../src/protocol/messages.js';
import { Ask, DurabilityCode, failure, success } from '../../src/protocol/outcome.js';
import { fetchedDraft, replicateDraft, writeDraft } from '../../src/sim/messages.js';
import { World } from '../../src/sim/world.js';
import { heldAt, putAt } from '../sim/replicas.js';
import { SimEnv } from '../sim/sim-env.js';
import { BatchCase, orderOf } from './batch-case.js';
import { plain } from './sets.js';
import { repliesIn } from './write-case.js';

const KEY = 'k';
const OK = success(1, DurabilityCode.interval);
const valuesOf = (set: SiblingSet): string[] => set.siblings.map(({ value }) => Buffer.from(value).toString()).sort();

test('mending: another ring begins meanwhile -> KV_STALE_EPOCH, for the places of the write are those of the old one', (t) => {
  const env = new SimEnv();
  env.deliver(Role.coordinator, writeDraft({ key: KEY, value: 'old', w: 1 }));
  env.store.corrupt.add(KEY);
  const asked = env.deliver(Role.coordinator, writeDraft({ key: KEY, value: 'new', w: 2 }), { request: 2 });
  t.deepEqual(
    asked.map(({ tag, to }) => [tag, nodeOf(to)]),
    [1, 2].map((node) => [Kind.fetch, node]),
  );
  const { ring } = env.placement;
  const next = epoch(ring.epoch + 1);
  env.placement.adopt({ ...ring, epoch: next, lists: [[...ring.lists[0]].reverse()], changedAt: [next] });
  const replies = [1, 2].flatMap((node) => {
    const from = addressOf(Role.vnode, node, 0);
    return repliesIn(
      env.deliver(Role.coordinator, fetchedDraft(KEY, OK, plain('a', 1, 'x')), { from, request: asked[0].request }),
    );
  });
  t.deepEqual(
    replies.map(({ code }) => code),
    ['KV_STALE_EPOCH'],
  );
  t.deepEqual(valuesOf(env.held(KEY)), ['x']);
});

test('mending: somebody else replaces the record meanwhile -> a later write does not overtake those that wait', (t) => {
  const env = new SimEnv();
  env.deliver(Role.coordinator, writeDraft({ key: KEY, value: 'old', w: 1 }));
  env.store.corrupt.add(KEY);
  const asked = env.deliver(Role.coordinator, writeDraft({ key: KEY, value: '1', w: 1 }), { request: 2 });
  const repair = replicateDraft(KEY, plain('a', 1, 'x'));
  const fill: typeof repair.fill = (words, bytes, at) => {
    repair.fill(words, bytes, at);
    words[at + Replicate.options] |= Ask.repair;
  };
  env.deliver(Role.vnode, { ...repair, fill }, { from: addressOf(Role.antiEntropy, 0, 0) });
  t.deepEqual(valuesOf(env.held(KEY)), ['x']);
  t.deepEqual(env.deliver(Role.coordinator, writeDraft({ key: KEY, value: '2', w: 1 }), { request: 3 }), []);
  const replies = [1, 2].flatMap((node) => {
    const answer = { from: addressOf(Role.vnode, node, 0), request: asked[0].request };
    return repliesIn(env.deliver(Role.coordinator, fetchedDraft(KEY, OK, plain('a', 1, 'x')), answer));
  });
  t.deepEqual(
    replies.map(({ code }) => code),
    [undefined, undefined],
  );
  t.deepEqual(valuesOf(env.held(KEY)), ['2']);
});

test('mending: more bytes of writes wait than there is room for -> KV_OVERLOADED; an answer of another life counts for nothing', (t) => {
  const env = new SimEnv();
  env.deliver(Role.coordinator, writeDraft({ key: KEY, value: 'old', w: 1 }));
  env.store.corrupt.add(KEY);
  const codes: unknown[] = [];
  for (let request = 2; request < 62; request++) {
    const draft = writeDraft({ key: KEY, value: 'x'.repeat(200_000), w: 2 });
    codes.push(...repliesIn(env.deliver(Role.coordinator, draft, { request })).map(({ code }) => code));
  }
  t.true(codes.length > 10 && codes.every((code) => code === 'KV_OVERLOADED'), codes.join());
  const from = addressOf(Role.vnode, 1, 0);
  t.deepEqual(env.deliver(Role.coordinator, fetchedDraft(KEY, OK, plain('a', 1, 'x')), { from, request: 12_345 }), []);
});

test('mending: a batch whose damaged member cannot be mended -> only that one fails', (t) => {
  const env = new SimEnv();
  env.deliver(Role.coordinator, writeDraft({ key: 'b', value: 'old', w: 1 }));
  env.store.corrupt.add('b');
  const batch = new BatchCase(
    ['a', 'b', 'c'].map((key) => orderOf(key)),
    {},
    env,
  );
  for (const node of [1, 2]) {
    batch.answer(node, OK);
    const fetch = batch.first.find(({ tag, to }) => tag === Kind.fetch && nodeOf(to) === node);
    const from = addressOf(Role.vnode, node, 0);
    const draft = fetchedDraft('b', failure('KV_CORRUPT'), plain('a', 1, ''));
    batch.take(env.deliver(Role.coordinator, draft, { from, request: fetch?.request ?? 0 }));
  }
  t.deepEqual(batch.outcomes, [2, 'KV_CORRUPT', 2]);
});

test('mending: enough have answered, and a slow one is waited for no longer -> the put is minted and acknowledged, not failed meanwhile', (t) => {
  const isSlow = (env: Env): boolean => env.node === 4;
  const world = new World({
    seed: 7,
    nodes: 5,
    n: 5,
    partitions: 1,
    wrap: (role, behaviour) => {
      const { fetch } = behaviour.receive;
      if (role !== Role.vnode || fetch === undefined) return behaviour;
      const silent: typeof fetch = (state, message, env) => {
        if (!isSlow(env)) fetch(state, message, env);
      };
      return { ...behaviour, receive: { ...behaviour.receive, fetch: silent } };
    },
  });
  const node = world.holdersOf(KEY).find((holder) => holder !== 4) ?? 0;
  for (const holder of world.nodes) putAt(holder, KEY, plain('a', 2, 'old'));
  world.nodes[node].store.corrupt.add(KEY);
  const call = world.clients[0].write({ key: KEY, value: 'new', w: 3 }, { node });
  world.runUntil(() => call.endMs !== Number.POSITIVE_INFINITY);
  world.runFor(50);
  t.is(call.error, undefined);
  for (const holder of world.nodes) t.deepEqual(valuesOf(heldAt(holder, KEY)), ['new']);
});
