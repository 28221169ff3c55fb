import test from 'ava';
import type { CoordinatorState } from '../../actors/coordinator.js';
import { addressOf, nodeOf, Role } from '../../src/actor/address.js';
import { packClock, wallMsOf } from '../../src/core/hybrid-clock.js';
import { clock } from '../../src/core/ids.js';
import { Kind, Replicate, Written } from '../../src/protocol/messages.js';
import { DurabilityCode, failure, success } from '../../src/protocol/outcome.js';
import { codeOf, replicateDraft, replicatedDraft, writeDraft, writtenClock } from '../../src/sim/messages.js';
import { type Sent, SimEnv } from '../sim/sim-env.js';
import { plain } from './sets.js';
import { type Reply, repliesIn, WriteCase } from './write-case.js';

const { none, interval, sync } = {
  none: success(1, DurabilityCode.none),
  interval: success(1, DurabilityCode.interval),
  sync: success(1, DurabilityCode.sync),
};
const unmet = (needed: number, got: number): Reply => ({
  code: 'KV_WRITE_QUORUM_UNMET',
  replicas: 0,
  durability: 0,
  detail: (needed << 8) | got,
});

test('coordinator: W of N -> the reply leaves with the W-th confirmation, and only one', (t) => {
  for (const w of [1, 2, 3]) {
    const write = new WriteCase({ w });
    t.deepEqual(write.asked, [1, 2]);
    for (let confirmed = 1; confirmed < w; confirmed++) {
      t.is(write.reply, undefined);
      write.answer(confirmed, interval);
    }
    t.deepEqual(write.reply, { code: undefined, replicas: w, durability: DurabilityCode.interval, detail: 1 });
    for (const node of [1, 2]) write.answer(node, interval);
    t.deepEqual([write.replyCount, write.open], [1, 0]);
  }
});

test('coordinator: a confirmation as late as that its write’s id names another one -> does not count for that', (t) => {
  const write = new WriteCase({ w: 2 });
  write.answer(1, interval);
  write.pass(600);
  t.deepEqual([write.reply?.replicas, write.open], [2, 0]);
  const { table } = (write.env.system.stateOf(Role.coordinator, 0) as CoordinatorState).writes;
  const { request } = write.first.find(({ tag, to }) => tag === Kind.replicate && nodeOf(to) === 2) as Sent;
  const before = (request - 0x1_0000) & 0x7fff_ffff;
  const idOfNext = () => {
    const slot = table.open();
    const id = table.idOf(slot);
    table.close(slot);
    return id;
  };
  let writes = 1;
  while (idOfNext() !== before) writes++;
  t.true(writes < 0x8000);
  const draft = writeDraft({ key: 'other', value: 'v', w: 2, deadlineMs: write.env.nowMs + 500 });
  const sent = write.env
    .deliver(Role.coordinator, draft)
    .find(({ tag, to }) => tag === Kind.replicate && nodeOf(to) === 2);
  t.is(sent?.request, request, 'the id has come back');
  write.answer(2, interval);
  t.is(write.replyCount, 1, 'node 2 has the former write, not this one');
  const from = addressOf(Role.vnode, 2, 0);
  const mark = (sent as Sent).view.words[Replicate.mark];
  const late = write.env.deliver(Role.coordinator, replicatedDraft(interval, mark), { from, request });
  t.is(repliesIn(late).length, 1);
});

test('coordinator: the weakest durability among the confirmations -> is the one reported', (t) => {
  for (const [answers, durability] of [
    [[sync, sync], DurabilityCode.sync],
    [[sync, interval], DurabilityCode.interval],
    [[none, sync], DurabilityCode.none],
  ] as const) {
    const write = new WriteCase({ w: 3, durability: DurabilityCode.sync });
    for (const [index, outcome] of answers.entries()) write.answer(index + 1, outcome);
    t.is(write.reply?.durability, durability);
  }
});

test('coordinator: a reply -> carries the minted clock and the siblings that it left', (t) => {
  const env = new SimEnv();
  for (const siblings of [1, 2, 3]) {
    const callerClock = packClock(env.wallMs + 100, 5);
    const sent = env.deliver(
      Role.coordinator,
      writeDraft({ key: 'k', value: `${siblings}`, w: 1, context: [], callerClock }),
    );
    const [{ view }] = sent.filter(({ tag }) => tag === Kind.written);
    t.is(view.u32(Written.detail), siblings);
    t.is(writtenClock(view), env.held('k').siblings[0].clock);
    t.true(writtenClock(view) > callerClock);
  }
});

test('coordinator: so many refusals that W is out of reach -> unmet at once, with what was got', (t) => {
  const write = new WriteCase({ w: 2 });
  t.is(write.answer(1, failure('KV_STORAGE_FULL')), undefined);
  t.deepEqual(write.answer(2, failure('KV_OVERLOADED')), unmet(2, 1));
  const strict = new WriteCase({ w: 3 });
  t.deepEqual(strict.answer(2, failure('KV_CORRUPT')), unmet(3, 1));
});

test('coordinator: fewer than W replicas up -> KV_UNAVAILABLE, and nothing is minted', (t) => {
  const write = new WriteCase({ w: 2 }, {}, [1, 2]);
  t.is(write.reply?.code, 'KV_UNAVAILABLE');
  t.is(write.reply?.detail, (2 << 8) | 1);
  t.is(write.env.disk.log.length, 0);
});

test('coordinator: a replica down -> is not asked, and counts as failed', (t) => {
  const write = new WriteCase({ w: 2 }, {}, [1]);
  t.deepEqual(write.asked, [2]);
  t.deepEqual(write.answer(2, failure('KV_OVERLOADED')), unmet(2, 1));
});

test('coordinator: a replica’s mailbox is full -> counts as failed', (t) => {
  const write = new WriteCase({ w: 3 }, { hasRoom: (to) => nodeOf(to) !== 2 });
  t.deepEqual(write.reply, unmet(3, 1));
});

test('coordinator: not one of the key’s replicas -> KV_UNAVAILABLE', (t) => {
  const env = new SimEnv({ node: 3, n: 3 });
  const [sent] = env.deliver(Role.coordinator, writeDraft({ key: 'k', value: 'v', w: 1 }));
  t.is(codeOf(sent.view.u32(Written.outcome)), 'KV_UNAVAILABLE');
});

test('coordinator: its own vnode refuses -> the refusal is the reply, nobody else is asked', (t) => {
  const env = new SimEnv();
  env.store.refusal = failure('KV_STORAGE_FULL');
  const sent = env.deliver(Role.coordinator, writeDraft({ key: 'k', value: 'v', w: 2 }));
  t.deepEqual(
    sent.map(({ tag }) => tag),
    [Kind.written],
  );
  t.is(codeOf(sent[0].view.u32(Written.outcome)), 'KV_STORAGE_FULL');
  t.is(writtenClock(sent[0].view), clock(0));
});

test('coordinator: a confirmation that comes twice -> counts once', (t) => {
  const write = new WriteCase({ w: 3 });
  for (let i = 0; i < 3; i++) t.is(write.answer(1, interval), undefined);
  t.is(write.answer(2, interval)?.replicas, 3);
});

test('coordinator: a refusal that comes twice -> counts once', (t) => {
  const write = new WriteCase({ w: 2 });
  for (let i = 0; i < 3; i++) t.is(write.answer(1, failure('KV_OVERLOADED')), undefined);
  t.is(write.answer(2, interval)?.replicas, 2);
});

test('coordinator: a confirmation by no replica of the key, or of its own -> counts nothing', (t) => {
  const write = new WriteCase({ w: 2 });
  for (const node of [0, 3, 4_000]) t.is(write.answer(node, interval), undefined);
});

test('coordinator: a confirmation of an earlier write, or to an earlier life -> counts nothing', (t) => {
  const write = new WriteCase({ w: 2 });
  t.is(write.answer(1, interval, 1), undefined);
  const from = addressOf(Role.vnode, 1, 0);
  const [{ request, view }] = write.first;
  const late = replicatedDraft(interval, view.words[Replicate.mark]);
  for (const old of [request + 0x1_0000, request + 1, request ^ 0x4000_0000]) {
    t.deepEqual(write.env.deliver(Role.coordinator, late, { from, request: old }), []);
  }
  t.is(write.answer(1, interval)?.replicas, 2);
});

test('coordinator: a write for another life of its node -> refused, and nothing is minted', (t) => {
  const write = new WriteCase({ w: 1, incarnation: 2 });
  t.is(write.reply?.code, 'KV_NODE_RESTARTED');
  t.deepEqual(write.asked, []);
  t.is(write.open, 0);
  t.is(write.env.store.record('k'), undefined);
});

test('coordinator: a write arrives behind its deadline -> refused, and nothing is minted', (t) => {
  const { nowMs } = new SimEnv();
  const write = new WriteCase({ w: 1, deadlineMs: nowMs - 1 });
  t.is(write.reply?.code, 'KV_DEADLINE_EXCEEDED');
  t.deepEqual(write.asked, []);
  t.is(write.open, 0);
  t.is(write.env.store.record('k'), undefined);
  t.is(new WriteCase({ w: 1, deadlineMs: nowMs }).reply?.code, undefined);
});

test('coordinator: a write comes so late that its clock would be behind its latest -> refused, and told what it has to reach', (t) => {
  const { wallMs } = new SimEnv();
  t.is(new WriteCase({ w: 1, latest: wallMs }).reply?.code, undefined);
  const write = new WriteCase({ w: 1, latest: wallMs - 1 });
  t.is(write.reply?.code, 'KV_DEADLINE_EXCEEDED');
  const reply = write.first.find(({ tag }) => tag === Kind.written);
  t.true(reply !== undefined && wallMsOf(writtenClock(reply.view)) >= wallMs);
  t.deepEqual(write.asked, []);
  t.is(write.open, 0);
  t.is(write.env.store.record('k'), undefined);
});

test('coordinator: a write whose key holds something newer than its latest -> refused, whatever the wall says', (t) => {
  const env = new SimEnv();
  const { wallMs } = env;
  const since = packClock(wallMs + 500, 0);
  env.deliver(Role.vnode, replicateDraft('k', plain('a', 1, 'theirs', { clock: since })));
  const [reply] = repliesIn(
    env.deliver(Role.coordinator, writeDraft({ key: 'k', value: 'late', w: 1, latest: wallMs + 499 })),
  );
  t.is(reply.code, 'KV_DEADLINE_EXCEEDED');
  t.is(env.held('k').siblings.length, 1);
});

test('coordinator: the deadline passes -> unmet with what was got, within a sweep', (t) => {
  const write = new WriteCase({ w: 3, deadlineMs: 1_200 });
  write.answer(1, interval);
  t.is(write.pass(150), undefined);
  t.is(write.pass(50), undefined);
  t.deepEqual(write.pass(26), unmet(3, 2));
  t.is(write.answer(2, interval)?.code, 'KV_WRITE_QUORUM_UNMET');
  t.deepEqual([write.replyCount, write.open], [1, 0]);
});

test('coordinator: the clock wraps under a write -> its deadline holds', (t) => {
  const env = new SimEnv({ startMs: 0xffff_ffff - 100 });
  env.deliver(Role.coordinator, writeDraft({ key: 'k', value: 'v', w: 2, deadlineMs: 400 }));
  for (let i = 0; i < 16; i++) t.deepEqual(repliesIn(env.pass(30)), []);
  t.deepEqual(repliesIn([...env.pass(30), ...env.pass(30)]), [unmet(2, 1)]);
});

test('coordinator: replicas go down under a write -> unmet with the next sweep, not at the deadline', (t) => {
  const write = new WriteCase({ w: 2, deadlineMs: 60_000 });
  write.env.down.add(1);
  t.is(write.pass(30), undefined);
  write.env.down.add(2);
  t.deepEqual(write.pass(30), unmet(2, 1));
});

test('coordinator: a replica that confirmed and then went down -> still counts', (t) => {
  const write = new WriteCase({ w: 3, deadlineMs: 60_000 });
  write.answer(1, interval);
  write.env.down.add(1);
  t.is(write.pass(30), undefined);
  t.is(write.answer(2, interval)?.replicas, 3);
});

test('coordinator: more writes than it keeps -> KV_OVERLOADED, the others go on', (t) => {
  const env = new SimEnv();
  const codes: (string | undefined)[] = [];
  for (let i = 0; i < 70; i++) {
    const sent = env.deliver(Role.coordinator, writeDraft({ key: `k${i}`, value: 'v', w: 2, deadlineMs: 5_000 }));
    codes.push(...repliesIn(sent).map(({ code }) => code));
  }
  t.deepEqual(codes, new Array(6).fill('KV_OVERLOADED'));
  t.is(env.disk.log.length, 64);
});
