import test from 'ava';
import fc from 'fast-check';
import { addressOf, Role } from '../../src/actor/address.js';
import { driftMs, packClock } from '../../src/core/hybrid-clock.js';
import { clock, nodeIndex, type PartitionId } from '../../src/core/ids.js';
import type { SiblingSet } from '../../src/core/siblings.js';
import { StandIn } from '../../src/protocol/hint-messages.js';
import { Kind, Minted, Page, Replicate, Replicated, Written } from '../../src/protocol/messages.js';
import { DurabilityCode, durabilityOf, failure } from '../../src/protocol/outcome.js';
import { Changes, Watch, WatchStep } from '../../src/protocol/watch-messages.js';
import {
  answerSet,
  codeOf,
  type Draft,
  fetchDraft,
  pageEntries,
  replicateDraft,
  scanDraft,
  valuesOf,
  type WriteOrder,
  writeDraft,
} from '../../src/sim/messages.js';
import { SimEnv, settledRing } from '../sim/sim-env.js';
import { joined, plain } from './sets.js';

function mint(env: SimEnv, order: Partial<WriteOrder> = {}): { code: string | undefined; durability: number } {
  const [sent] = env.deliver(Role.vnode, writeDraft({ key: 'k', value: 'v', w: 1, ...order }, Kind.mint));
  const outcome = sent.view.u32(Minted.outcome);
  return { code: codeOf(outcome), durability: durabilityOf(outcome) };
}

const dots = (set: SiblingSet) => set.siblings.map(({ dot }) => dot.counter as number);

test('vnode: who watches cannot be told what has changed -> the watch is over, for that is off it', (t) => {
  const env = new SimEnv({ hasRoom: (_to, bytes) => bytes <= 64, roles: [Role.vnode, Role.antiEntropy] });
  const outcomeOf = (step: WatchStep) => {
    const fill = (words: Int32Array, _: Buffer, at: number) => words.set([1_024, 1, 7, step], at + Watch.bytesMax);
    const [changes] = env.deliver(Role.vnode, { tag: Kind.watch, bytes: Watch.end * 4, fill });
    return changes === undefined ? 'untold' : codeOf(changes.view.u32(Changes.outcome));
  };
  t.is(outcomeOf(WatchStep.begin), undefined);
  t.is(mint(env, { value: 'v'.repeat(100) }).code, undefined);
  t.is(outcomeOf(WatchStep.next), 'untold');
  t.is(outcomeOf(WatchStep.next), 'KV_UNAVAILABLE');
});

test('vnode: a write over nothing -> a plain record under the log’s next number', (t) => {
  const env = new SimEnv();
  t.is(mint(env, { value: 'one' }).code, undefined);
  const held = env.held('k');
  t.deepEqual(valuesOf(held), ['one']);
  t.deepEqual(held.vector, [{ replica: env.store.replica, counter: 1 }] as never);
});

test('vnode: a write over its own plain record -> replaces it and stays plain', (t) => {
  const env = new SimEnv();
  mint(env, { value: 'one' });
  mint(env, { value: 'two' });
  const held = env.held('k');
  t.deepEqual([valuesOf(held), dots(held), held.vector.length], [['two'], [2], 1]);
});

test('vnode: a write over another replica’s record -> replaces it and remembers it', (t) => {
  const env = new SimEnv();
  env.deliver(Role.vnode, replicateDraft('k', plain('a', 9, 'theirs')));
  mint(env, { value: 'mine' });
  const held = env.held('k');
  t.deepEqual(valuesOf(held), ['mine']);
  t.is(held.vector.length, 2);
});

test('vnode: a write with a context -> replaces what the context covers, and no more', (t) => {
  const env = new SimEnv();
  mint(env, { value: 'one' });
  const seen = env.held('k').vector;
  mint(env, { value: 'two', context: [] });
  t.deepEqual(valuesOf(env.held('k')), ['two', 'one']);
  mint(env, { value: 'three', context: seen });
  t.deepEqual(valuesOf(env.held('k')), ['three', 'two']);
  mint(env, { value: 'four', context: env.held('k').vector });
  t.deepEqual(valuesOf(env.held('k')), ['four']);
  mint(env, { value: 'five', context: [] });
  mint(env, { value: 'six' });
  t.deepEqual(valuesOf(env.held('k')), ['six']);
});

test('vnode: a context that covers a write to come -> KV_INVALID_CONTEXT, nothing logged', (t) => {
  const env = new SimEnv();
  const context = [{ replica: env.store.replica, counter: 1_000 }] as never;
  t.is(mint(env, { context }).code, 'KV_INVALID_CONTEXT');
  t.is(env.disk.log.length, 0);
});

test('vnode: more siblings than allowed -> refused for a client’s write, taken from a replica', (t) => {
  const env = new SimEnv({ siblingsMax: 2 });
  mint(env, { value: 'one', context: [] });
  mint(env, { value: 'two', context: [] });
  t.is(mint(env, { value: 'three', context: [] }).code, 'KV_TOO_MANY_SIBLINGS');
  t.deepEqual(valuesOf(env.held('k')), ['two', 'one']);
  env.deliver(Role.vnode, replicateDraft('k', plain('a', 1, 'theirs')));
  t.is(env.held('k').siblings.length, 3);
  t.is(mint(env, { value: 'all' }).code, undefined);
});

test('vnode: siblings that are too large together -> KV_TOO_MANY_SIBLINGS; one large value passes', (t) => {
  const env = new SimEnv({ recordBytesMax: 300 });
  t.is(mint(env, { value: 'x'.repeat(400) }).code, undefined);
  t.is(mint(env, { value: 'y'.repeat(100), context: [] }).code, 'KV_TOO_MANY_SIBLINGS');
});

test('vnode: a minted clock -> above the caller’s, the node’s and the record’s, not behind the wall', (t) => {
  const aheadMs = fc.integer({ min: -2_000, max: 500 });
  const property = fc.property(
    fc.array(fc.record({ caller: aheadMs, theirs: aheadMs, far: fc.nat(9_000) })),
    (steps) => {
      const env = new SimEnv();
      for (const [index, { caller, theirs, far }] of steps.entries()) {
        const theirClock = packClock(env.wallMs + theirs + (index % 3 === 0 ? far : 0), index);
        const order = index % 2 === 0 ? { clock: theirClock } : { clock: clock(index + 1) };
        env.deliver(Role.vnode, replicateDraft('k', plain('a', index + 1, 'theirs', order)));
        const before = Math.max(env.store.clock, ...env.held('k').siblings.map((sibling) => sibling.clock));
        const callerClock = packClock(env.wallMs + caller, 17);
        if (mint(env, { callerClock }).code !== undefined) return false;
        const [newest] = env.held('k').siblings;
        if (newest.clock <= before || newest.clock <= callerClock || driftMs(newest.clock, env.wallMs) < 0)
          return false;
        if (env.store.clock < newest.clock) return false;
      }
      return true;
    },
  );
  fc.assert(property, { numRuns: 60 });
  t.pass();
});

test('vnode: a record that is newer than all the node’s clock knows -> the next write is newer still', (t) => {
  const env = new SimEnv();
  const far = packClock(env.wallMs + 3_600_000, 0);
  env.deliver(Role.vnode, replicateDraft('k', plain('a', 1, 'theirs', { clock: far })));
  // as after a restart whose log no longer reaches back to that record
  Object.defineProperty(env.store, 'clock', { get: () => clock(0), set: () => undefined });
  mint(env, { value: 'mine' });
  t.true(env.held('k').siblings[0].clock > far);
});

test('vnode: a caller’s clock beyond the drift bound -> KV_CLOCK_DRIFT; a replica’s is taken, and the next write is newer', (t) => {
  const env = new SimEnv();
  t.is(mint(env, { callerClock: packClock(env.wallMs + 501, 0) }).code, 'KV_CLOCK_DRIFT');
  t.is(mint(env, { callerClock: packClock(env.wallMs + 500, 0) }).code, undefined);
  const far = packClock(env.wallMs + 3_600_000, 0);
  env.deliver(Role.vnode, replicateDraft('k', plain('a', 1, 'theirs', { clock: far })));
  t.is(mint(env, { value: 'mine' }).code, undefined);
  t.true(env.held('k').siblings[0].clock > far);
});

test('vnode: its own record cannot be read, and there is no other -> KV_CORRUPT, and no dot is minted', (t) => {
  const env = new SimEnv({ n: 1 });
  mint(env);
  env.store.corrupt.add('k');
  const counter = env.store.nextCounter;
  const [sent] = env.deliver(Role.coordinator, writeDraft({ key: 'k', value: 'v', w: 1 }));
  t.deepEqual([sent.tag, codeOf(sent.view.u32(Written.outcome))], [Kind.written, 'KV_CORRUPT']);
  t.deepEqual([env.store.nextCounter, env.disk.log.length], [counter, 1]);
  t.is(mint(env, { key: 'other' }).code, undefined);
});

test('vnode: storage refuses writes -> the outcome that it gives, nothing logged; reads go on', (t) => {
  const env = new SimEnv();
  mint(env);
  env.store.refusal = failure('KV_STORAGE_FULL');
  t.is(mint(env).code, 'KV_STORAGE_FULL');
  const [sent] = env.deliver(Role.vnode, replicateDraft('k', plain('a', 1, 'theirs')));
  t.is(codeOf(sent.view.u32(4)), 'KV_STORAGE_FULL');
  t.is(env.disk.log.length, 1);
  const [fetched] = env.deliver(Role.vnode, fetchDraft('k'));
  t.deepEqual(valuesOf(answerSet(fetched.view)), ['v']);
});

test('vnode: no room in memory -> KV_OVERLOADED, nothing logged', (t) => {
  const env = new SimEnv();
  t.is(mint(env, { value: 'x'.repeat(200_000) }).code, 'KV_OVERLOADED');
  t.is(env.disk.log.length, 0);
});

test('vnode: durability asked for -> the reply names it, and sync happens before it leaves', (t) => {
  const env = new SimEnv();
  for (const durability of [DurabilityCode.none, DurabilityCode.interval]) {
    t.is(mint(env, { durability }).durability, durability);
    t.is(env.disk.synced, 0);
  }
  t.is(mint(env, { durability: DurabilityCode.sync }).durability, DurabilityCode.sync);
  t.is(env.disk.synced, 3);
});

test('vnode: a fetch -> the record, nothing, or KV_CORRUPT', (t) => {
  const env = new SimEnv();
  const fetch = () => env.deliver(Role.vnode, fetchDraft('k'))[0].view;
  t.deepEqual(valuesOf(answerSet(fetch())), []);
  const set = joined(plain('a', 1, 'x'), plain('b', 2, '', { tombstone: true }));
  env.deliver(Role.vnode, replicateDraft('k', set));
  t.deepEqual(answerSet(fetch()), {
    vector: set.vector,
    siblings: set.siblings.map((s) => ({ ...s, value: s.value })),
  });
  env.store.corrupt.add('k');
  t.is(codeOf(fetch().u32(4)), 'KV_CORRUPT');
});

test('vnode: scans -> every record once, in key order, page by page; a large record travels alone', (t) => {
  const env = new SimEnv();
  const keys = Array.from({ length: 40 }, (_, index) => `key-${String((index * 17) % 40).padStart(2, '0')}`);
  for (const key of keys) mint(env, { key, value: key === 'key-20' ? 'x'.repeat(5_000) : key });
  const met: string[] = [];
  for (let gt: string | undefined, pages = 0, more = true; more; pages++) {
    const request = gt === undefined ? {} : { gt: Buffer.from(gt) };
    const [sent] = env.deliver(Role.vnode, scanDraft(request, 1_024));
    const page = pageEntries(sent.view);
    t.true(sent.view.size <= 1_024 + Page.records * 4 || page.entries.length === 1);
    met.push(...page.entries.map(({ key }) => key));
    ({ more } = page);
    gt = met.at(-1);
    if (pages > 50) t.fail('pages never end');
  }
  t.deepEqual(met, [...keys].sort());
});

test('vnode: a scan over a damaged record -> fails with KV_CORRUPT', (t) => {
  const env = new SimEnv();
  mint(env);
  env.store.corrupt.add('k');
  t.throws(() => env.store.page(0 as PartitionId, {}, () => true), { code: 'KV_CORRUPT' });
  const [sent] = env.deliver(Role.vnode, scanDraft({}, 1_024));
  t.deepEqual([sent.tag, codeOf(sent.view.u32(Page.outcome))], [Kind.page, 'KV_CORRUPT']);
});

test('vnode: a node that has left sends a record -> taken as long as it may deliver; of one that has delivered all, or was given up, refused', (t) => {
  const ring = { ...settledRing(3), leavers: [nodeIndex(7)] };
  for (const [node, code] of [
    [2, undefined],
    [7, undefined],
    [8, 'KV_UNAVAILABLE'],
  ] as const) {
    const env = new SimEnv({ ring });
    const from = addressOf(Role.hintKeeper, node, 0);
    const [reply] = env.deliver(Role.vnode, replicateDraft('k', plain('a', 1, 'v')), { from });
    t.is(codeOf(reply.view.u32(Replicated.outcome)), code);
    t.is(env.held('k').siblings.length, code === undefined ? 1 : 0);
  }
});

test('vnode: a node that is no member is to stand in -> it refuses: nobody keeps what it takes', (t) => {
  for (const [node, held] of [
    [1, 1],
    [5, 0],
  ]) {
    const env = new SimEnv({ node, ring: settledRing(3) });
    const from = addressOf(Role.coordinator, 2, 0);
    env.deliver(Role.vnode, standInDraft('k', plain('a', 1, 'v')), { from });
    t.is(env.held('k').siblings.length, held);
  }
});

function standInDraft(key: string, set: SiblingSet): Draft {
  const draft = replicateDraft(key, set);
  const more = (StandIn.record - Replicate.record) * 4;
  return {
    tag: Kind.standIn,
    bytes: draft.bytes + more,
    fill(words, bytes, at) {
      draft.fill(words, bytes, at);
      words.copyWithin(at + StandIn.record, at + Replicate.record, at + draft.bytes / 4);
      words.fill(0, at + StandIn.target, at + StandIn.target + 2);
    },
  };
}
