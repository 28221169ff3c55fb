/** Many writes in one message: minted and replicated together, and each answered for itself. */
import test from 'ava';
import fc from 'fast-check';
import { addressOf, nodeOf, Role } from '../../src/actor/address.js';
import { ReplicatedMany } from '../../src/protocol/batch-messages.js';
import { Kind, Replicated } from '../../src/protocol/messages.js';
import { DurabilityCode, failure, success } from '../../src/protocol/outcome.js';
import { codeOf, writeDraft, writeManyDraft } from '../../src/sim/messages.js';
import { encoded, SimEnv, type SimEnvOptions } from '../sim/sim-env.js';
import { BatchCase, orderOf } from './batch-case.js';

const OK = success(1, DurabilityCode.interval);
const FULL = failure('KV_OVERLOADED');
const STALE = failure('KV_STALE_EPOCH');
const KEYS = ['a', 'b', 'c', 'd'];
const batchOf = (options: SimEnvOptions = {}, w = 2): BatchCase =>
  new BatchCase(
    KEYS.map((key) => orderOf(key, { w })),
    options,
  );

test('batch: N=1 -> one reply in the turn that minted it, and nothing stays open', (t) => {
  const batch = batchOf({ n: 1 }, 1);
  t.deepEqual(batch.outcomes, [1, 1, 1, 1]);
  t.deepEqual([batch.replies, batch.open, batch.first.length], [1, 0, 1]);
  for (const key of KEYS) t.is(Buffer.from(batch.env.held(key).siblings[0].value).toString(), key);
});

test('batch: N=3 -> one message to each other replica, one reply with the W-th confirmation', (t) => {
  const batch = batchOf();
  t.deepEqual([batch.sentTo(1), batch.sentTo(2), batch.first.length], [KEYS, KEYS, 2]);
  t.is(batch.replies, 0);
  batch.answer(1, OK);
  t.deepEqual([batch.outcomes, batch.replies, batch.open], [[2, 2, 2, 2], 1, 1]);
  batch.answer(2, OK);
  t.deepEqual([batch.replies, batch.open, batch.env.hints.hints], [1, 0, 0]);
});

test('batch: a record that a replica refuses -> goes on alone, the others do not wait', (t) => {
  const batch = batchOf();
  batch.answer(1, OK, 0, 2);
  t.is(batch.replies, 0);
  batch.answer(1, FULL, 2, 1);
  batch.answer(1, OK, 3, 1);
  t.deepEqual(batch.outcomes, [2, 2, undefined, 2]);
  batch.answer(2, OK);
  t.deepEqual(batch.outcomes, [2, 2, 2, 2]);
  batch.pass(600);
  t.deepEqual([batch.open, batch.env.hints.hints], [0, 1]);
  t.true([...batch.ends.values()].every((ends) => ends.length === 1));
});

test('batch: a record that all others refuse -> it alone is unmet', (t) => {
  const batch = batchOf();
  for (const node of [1, 2]) {
    batch.answer(node, OK, 0, 1);
    batch.answer(node, FULL, 1, 1);
    batch.answer(node, OK, 2, 2);
  }
  t.deepEqual(batch.outcomes, [2, 'KV_WRITE_QUORUM_UNMET', 2, 2]);
});

test('batch: a replica refuses all of it -> has failed for all of it, with a hint for each record', (t) => {
  const batch = batchOf();
  batch.answer(1, FULL);
  t.is(batch.replies, 0);
  batch.answer(2, OK);
  t.deepEqual([batch.outcomes, batch.open], [[2, 2, 2, 2], 0]);
  batch.pass(30);
  t.is(batch.env.hints.hints, KEYS.length);
});

test('batch: one replica refuses all of it, another one record -> that record is on one node, and unmet', (t) => {
  const batch = batchOf();
  batch.answer(1, FULL);
  batch.answer(2, OK, 0, 1);
  batch.answer(2, FULL, 1, 1);
  batch.answer(2, OK, 2, 2);
  t.deepEqual(batch.outcomes, [2, 'KV_WRITE_QUORUM_UNMET', 2, 2]);
  batch.pass(30);
  t.deepEqual([batch.open, batch.env.hints.hints], [0, KEYS.length + 1]);
});

test('batch: a bridge refuses a later part before the replica has answered for the first -> the place has failed at once', (t) => {
  for (const isAnswered of [true, false]) {
    const batch = batchOf({}, 3);
    batch.answer(2, OK);
    batch.answer(1, FULL, 2);
    if (isAnswered) batch.answer(1, OK, 0, 2);
    t.deepEqual(batch.outcomes, new Array(4).fill('KV_WRITE_QUORUM_UNMET'));
    batch.pass(30);
    t.deepEqual([batch.open, batch.env.hints.hints], [0, KEYS.length]);
  }
});

test('batch: a replica that cannot be sent to -> is hinted in the turn that logs the records', (t) => {
  const batch = batchOf({ hasRoom: (to) => nodeOf(to) !== 2 });
  t.deepEqual([batch.sentTo(1), batch.sentTo(2)], [KEYS, []]);
  t.is(batch.env.disk.log.length, KEYS.length * 2);
  batch.answer(1, OK);
  t.deepEqual([batch.outcomes, batch.open], [[2, 2, 2, 2], 0]);
  batch.pass(30);
  t.is(batch.env.hints.hints, KEYS.length);
});

test('batch: a replica that says nothing -> unmet at the deadline, hinted, and closed', (t) => {
  const batch = batchOf({}, 3);
  batch.answer(1, OK);
  batch.pass(400);
  t.is(batch.replies, 0);
  batch.pass(200);
  t.deepEqual(batch.outcomes, new Array(4).fill('KV_WRITE_QUORUM_UNMET'));
  t.deepEqual([batch.replies, batch.open], [1, 0]);
  batch.pass(30);
  t.is(batch.env.hints.hints, KEYS.length);
});

test('batch: another life’s, a repeated or a torn answer -> counts for nothing', (t) => {
  const batch = batchOf({}, 3);
  batch.answer(1, OK, 0, 0, 1);
  batch.answer(1, OK, 2, 2);
  batch.answer(1, OK, 0, 2);
  batch.answer(1, OK, 0, 2);
  batch.answer(2, OK);
  t.is(batch.replies, 0);
  batch.answer(1, OK, 2, 2);
  t.deepEqual([batch.outcomes, batch.open], [[3, 3, 3, 3], 0]);
});

test('batch: too late, or meant for another life -> every member is refused, nothing is minted', (t) => {
  for (const [order, code] of [
    [{ deadlineMs: 1 }, 'KV_DEADLINE_EXCEEDED'],
    [{ incarnation: 7 }, 'KV_NODE_RESTARTED'],
  ] as const) {
    const batch = new BatchCase(KEYS.map((key) => orderOf(key, order)));
    t.deepEqual(batch.outcomes, new Array(4).fill(code));
    t.deepEqual([batch.replies, batch.env.disk.log.length], [1, 0]);
  }
});

test('batch: a suspected replica -> each member goes alone, and a stand-in takes its place', (t) => {
  const env = new SimEnv({ spares: 1 });
  env.suspected.add(2);
  const batch = new BatchCase(
    KEYS.map((key) => orderOf(key, { available: true })),
    {},
    env,
  );
  const standIns = batch.first.filter(({ tag }) => tag === Kind.standIn);
  t.deepEqual(
    standIns.map(({ to }) => nodeOf(to)),
    [3, 3, 3, 3],
  );
  for (const sent of standIns) batch.answerAlone(sent, OK);
  t.deepEqual(batch.outcomes, [1, 1, 1, 1]);
});

test('batch: a node that refuses writes, or holds none of it -> every member says so', (t) => {
  const full = new SimEnv();
  full.store.refusal = failure('KV_STORAGE_FULL');
  t.deepEqual(
    new BatchCase(
      KEYS.map((key) => orderOf(key)),
      {},
      full,
    ).outcomes,
    new Array(4).fill('KV_STORAGE_FULL'),
  );
  t.deepEqual(batchOf({ node: 3 }).outcomes, new Array(4).fill('KV_UNAVAILABLE'));
});

test('batch: more than there are slots for -> refused as overloaded, before anything is minted', (t) => {
  const env = new SimEnv({ spares: 1 });
  env.suspected.add(2);
  const keys = Array.from({ length: 80 }, (_, index) => `key ${index}`);
  const batch = new BatchCase(
    keys.map((key) => orderOf(key, { available: true, w: 3 })),
    {},
    env,
  );
  const refused = batch.outcomes.filter((end) => end === 'KV_OVERLOADED').length;
  t.is(refused, 80 - 64);
  t.is(env.disk.log.length, 64);
});

test('batch: behind a write of the same key in one turn -> is the later one', (t) => {
  const env = new SimEnv({ n: 1 });
  const to = addressOf(Role.coordinator, 0, 0);
  const at = encoded(writeDraft({ key: 'a', value: 'old', w: 1 }), to, 0, 9);
  env.system.deliver(at);
  env.deliver(Role.coordinator, writeManyDraft([orderOf('a', { w: 1, value: 'new' }), orderOf('b', { w: 1 })]));
  t.is(Buffer.from(env.held('a').siblings[0].value).toString(), 'new');
});

test('batch: one key twice -> the later member is what stays, on every replica', (t) => {
  const batch = new BatchCase([orderOf('a', { value: 'old' }), orderOf('b'), orderOf('a', { value: 'new' })]);
  const peer = new SimEnv({ node: 1 });
  const [sent] = batch.first.filter(({ to }) => nodeOf(to) === 1);
  peer.receive(sent);
  for (const env of [batch.env, peer]) {
    t.deepEqual(
      env.held('a').siblings.map(({ value }) => Buffer.from(value).toString()),
      ['new'],
    );
  }
});

test('batch: at a replica -> one answer, the same for what it holds already; runs where outcomes differ', (t) => {
  const batch = batchOf();
  const peer = new SimEnv({ node: 1 });
  const [sent] = batch.first.filter(({ to }) => nodeOf(to) === 1);
  const runs = () =>
    peer.receive(sent).map(({ tag, view }) => {
      t.is(tag, Kind.replicatedMany);
      const code = codeOf(view.u32(Replicated.outcome));
      return [code, view.u32(ReplicatedMany.first), view.u32(ReplicatedMany.count)];
    });
  t.deepEqual(runs(), [[undefined, 0, 4]]);
  t.is(peer.disk.log.length, 4);
  t.deepEqual(runs(), [[undefined, 0, 4]]);
  t.is(peer.disk.log.length, 4);
  peer.store.corrupt.add('c');
  t.deepEqual(runs(), [
    [undefined, 0, 2],
    ['KV_CORRUPT', 2, 1],
    [undefined, 3, 1],
  ]);
  peer.store.refusal = FULL;
  t.deepEqual(runs(), [['KV_OVERLOADED', 0, 4]]);
});

test('batch: answers in any runs, from any replica -> each member ends once, as if it had been sent alone', (t) => {
  const outcome = fc.constantFrom(OK, OK, OK, FULL, STALE);
  const answers = fc.oneof(
    fc.array(outcome, { minLength: KEYS.length, maxLength: KEYS.length }),
    fc.constantFrom(OK, FULL, STALE).map((all) => KEYS.map(() => all)),
  );
  fc.assert(
    fc.property(answers, answers, fc.integer({ min: 1, max: 3 }), (one, other, w) => {
      const batch = batchOf({}, w);
      for (const [node, list] of [
        [1, one],
        [2, other],
      ] as const) {
        for (let first = 0; first < list.length; ) {
          let count = 1;
          while (list[first + count] === list[first]) count++;
          batch.answer(node, list[first], first, count);
          first += count;
        }
      }
      batch.pass(600);
      batch.pass(600);
      t.is(batch.open, 0);
      for (let member = 0; member < KEYS.length; member++) {
        const held = 1 + Number(one[member] === OK) + Number(other[member] === OK);
        const [end, ...more] = batch.ends.get(member) ?? [];
        t.deepEqual(more, []);
        if (held < w) t.is(end, 'KV_WRITE_QUORUM_UNMET');
        else t.true(typeof end === 'number' && end >= w && end <= held, `${member}: ${end}, ${w} of ${held}`);
      }
    }),
  );
});
