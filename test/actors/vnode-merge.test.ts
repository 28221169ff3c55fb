import test from 'ava';
import fc from 'fast-check';
import { Role } from '../../src/actor/address.js';
import type { VersionVector } from '../../src/core/version-vector.js';
import { Kind, Replicated } from '../../src/protocol/messages.js';
import { DurabilityCode, durabilityOf } from '../../src/protocol/outcome.js';
import { type Draft, replicateDraft, setOf, valuesOf, writeDraft } from '../../src/sim/messages.js';
import { SimEnv } from '../sim/sim-env.js';
import { joined, plain } from './sets.js';

const replicate = (env: SimEnv, draft: Draft) => env.deliver(Role.vnode, draft)[0].view;

test('vnode: a replica’s record of an unknown key -> held byte for byte', (t) => {
  const env = new SimEnv();
  const set = joined(plain('a', 3, 'x'), plain('b', 5, 'y'));
  replicate(env, replicateDraft('k', set));
  t.deepEqual(valuesOf(env.held('k')), valuesOf(set));
});

test('vnode: a newer record of the same replica -> replaces; an older or equal one -> changes and logs nothing', (t) => {
  const env = new SimEnv();
  replicate(env, replicateDraft('k', plain('a', 3, 'three')));
  replicate(env, replicateDraft('k', plain('a', 7, 'seven')));
  t.deepEqual(valuesOf(env.held('k')), ['seven']);
  for (const old of [plain('a', 3, 'three'), plain('a', 7, 'seven')]) replicate(env, replicateDraft('k', old));
  t.deepEqual(valuesOf(env.held('k')), ['seven']);
  t.is(env.disk.log.length, 2);
});

test('vnode: counters and replicas beyond 32 bits -> compared in full', (t) => {
  const env = new SimEnv();
  replicate(env, replicateDraft('k', plain('b', 2 ** 32 + 1, 'new')));
  replicate(env, replicateDraft('k', plain('b', 2 ** 32 - 1, 'old')));
  t.deepEqual(valuesOf(env.held('k')), ['new']);
  replicate(env, replicateDraft('k', plain('b', 2 ** 33, 'newer')));
  t.deepEqual(valuesOf(env.held('k')), ['newer']);
  replicate(env, replicateDraft('twins', plain('a', 1, 'x')));
  replicate(env, replicateDraft('twins', plain('d', 9, 'y')));
  t.deepEqual(valuesOf(env.held('twins')), ['y', 'x']);
});

test('vnode: a concurrent record -> siblings, newest first; one that covers both -> the end of them', (t) => {
  const env = new SimEnv();
  replicate(env, replicateDraft('k', plain('a', 1, 'x')));
  replicate(env, replicateDraft('k', plain('b', 9, 'y')));
  t.deepEqual(valuesOf(env.held('k')), ['y', 'x']);
  const after: VersionVector = joined(plain('a', 1, 'x'), plain('b', 9, 'y'), plain('c', 1, 'z')).vector;
  const [last] = plain('c', 1, 'z').siblings;
  replicate(env, replicateDraft('k', { vector: after, siblings: [last] }));
  t.deepEqual(valuesOf(env.held('k')), ['z']);
});

test('vnode: a tombstone -> is kept, and what it replaced does not come back', (t) => {
  const env = new SimEnv();
  replicate(env, replicateDraft('k', plain('a', 1, 'x')));
  replicate(env, replicateDraft('k', plain('a', 2, '', { tombstone: true })));
  replicate(env, replicateDraft('k', plain('a', 1, 'x')));
  t.deepEqual(valuesOf(env.held('k')), [null]);
});

test('vnode: the reply to a replica -> carries its mark and its durability, for a covered record too', (t) => {
  const env = new SimEnv();
  for (const synced of [1, 1]) {
    const view = replicate(env, replicateDraft('k', plain('a', 1, 'x'), DurabilityCode.sync, -77));
    t.is(view.words[view.at + Replicated.mark], -77);
    t.is(durabilityOf(view.u32(Replicated.outcome)), DurabilityCode.sync);
    t.is(env.disk.synced, synced);
  }
});

test('vnode: a covered record with sync asked -> what was only logged before is synced now', (t) => {
  const env = new SimEnv();
  replicate(env, replicateDraft('k', plain('a', 1, 'x'), DurabilityCode.interval));
  t.is(env.disk.synced, 0);
  replicate(env, replicateDraft('k', plain('a', 1, 'x'), DurabilityCode.sync));
  t.is(env.disk.synced, 1);
});

const REPLICAS = 3;
const steps = fc.array(
  fc.record({
    at: fc.nat(REPLICAS - 1),
    /** Without a context, with an empty one, or with what the replica of this number holds. */
    context: fc.constantFrom<'none' | 'empty' | number>('none', 'empty', 0, 1, 2),
    tombstone: fc.boolean(),
    /** Which of the records so far goes where, before the next write. */
    sends: fc.array(fc.record({ record: fc.nat(50), to: fc.nat(REPLICAS - 1) }), { maxLength: 4 }),
  }),
  { maxLength: 12 },
);

test('vnode: any history, delivered to all replicas in any order and more than once -> the same bytes everywhere', (t) => {
  const property = fc.property(steps, fc.nat(1_000_000), (history, order) => {
    const envs = Array.from({ length: REPLICAS }, (_, node) => new SimEnv({ node, siblingsMax: 64 }));
    const drafts: Draft[] = [];
    for (const [index, { at, context, tombstone, sends }] of history.entries()) {
      const vector = context === 'none' ? undefined : typeof context === 'string' ? [] : envs[context].held('k').vector;
      const write = { key: 'k', value: `v${index}`, w: 1, tombstone, ...(vector !== undefined && { context: vector }) };
      envs[at].deliver(Role.vnode, writeDraft(write, Kind.mint));
      drafts.push(replicateDraft('k', envs[at].held('k')));
      for (const { record, to } of sends) replicate(envs[to], drafts[record % drafts.length]);
    }
    for (const [node, env] of envs.entries()) {
      for (let i = 0; i < drafts.length * 2; i++) {
        replicate(env, drafts[(i * (1 + (order % 5)) * 7 + order + node) % drafts.length]);
      }
      for (const draft of node % 2 === 0 ? drafts : drafts.toReversed()) replicate(env, draft);
    }
    const records = envs.map((env) => env.store.record('k')?.join());
    return new Set(records).size === 1 && setOf(envs[0].store.record('k')).siblings.length <= history.length;
  });
  fc.assert(property, { numRuns: 150 });
  t.pass();
});
