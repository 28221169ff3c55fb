import test from 'ava';
import fc from 'fast-check';
import { addressOf, Role } from '../../src/actor/address.js';
import { ClockOffset } from '../../src/bridge/clock-offset.js';
import { EXPORTS } from '../../src/bridge/exports.js';
import { checkMessage } from '../../src/bridge/message-check.js';
import { refusedReply } from '../../src/bridge/refused-reply.js';
import { slotOfClient, translateIn, translateOut } from '../../src/bridge/translation.js';
import { Head } from '../../src/protocol/header.js';
import { fieldOffsets, MESSAGES, type MessageName } from '../../src/protocol/messages.js';
import { failure } from '../../src/protocol/outcome.js';
import { clientOf, coordinatorOf, fetchOf, messageOf, vnodeOf } from './bridge-fixture.js';

const level = new ClockOffset(0, 0);

test('translation: a client of a peer -> is its slot and its seat here, and its seat again there', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 255 }), fc.nat(255), fc.nat(4095), (slot, seat, tenancy) => {
      const read = messageOf('read', { from: clientOf(seat, tenancy), to: coordinatorOf(0) });
      translateIn(read, 0, slot, level);
      const client = read[Head.from];
      t.is(slotOfClient(client), slot);
      const answered = messageOf('answered', { from: coordinatorOf(0), to: client });
      translateOut(answered, 0);
      t.is(answered[Head.to], clientOf(seat, tenancy));
      t.is(slotOfClient(answered[Head.to]), 0);
    }),
  );
});

test('translation: who is no client -> stays as it is', (t) => {
  const words = fetchOf(1);
  const before = words.slice();
  translateIn(words, 0, 9, level);
  translateOut(words, 0);
  t.deepEqual(words, before);
  t.is(slotOfClient(vnodeOf(3, 0x1234)), 0);
});

test('translation: every kind with a deadline -> on the clock of the receiver; no other word changes', (t) => {
  const clock = new ClockOffset(-1_000, 2_000);
  for (const name of Object.keys(MESSAGES) as MessageName[]) {
    const words = messageOf(name, { from: vnodeOf(1), to: vnodeOf(32) });
    for (let word = 4; word < words.length; word++) words[word] = word * 1_000;
    const before = words.slice();
    translateIn(words, 0, 1, clock);
    const deadline = fieldOffsets(name).deadline;
    const expected = Array.from(before, (word, i) => (i === deadline ? word - 3_000 : word));
    t.deepEqual(Array.from(words), expected, name);
  }
});

test('clock offset: a peer whose clock is anywhere, pings that take any time -> errs by half the fastest at most', (t) => {
  const ping = fc.record({ out: fc.nat(200), back: fc.nat(200) });
  fc.assert(
    fc.property(fc.integer(), fc.integer(), fc.array(ping, { minLength: 1, maxLength: 20 }), (own, ahead, pings) => {
      let nowMs = own;
      const clock = new ClockOffset(nowMs | 0, (nowMs + ahead - 100) | 0);
      for (const { out, back } of pings) {
        const sentMs = nowMs | 0;
        nowMs += out;
        const peerMs = (nowMs + ahead) | 0;
        nowMs += back;
        clock.sample(sentMs, peerMs, nowMs | 0);
      }
      const fastest = Math.min(...pings.map(({ out, back }) => out + back));
      const errorMs = Math.abs((clock.offsetMs + ahead) | 0);
      // a newer sample may be taken for as good as an older one, by what clocks drift in between
      t.true(errorMs <= fastest / 2 + 2 + pings.length * 400 * 0.0002, `${errorMs} of ${fastest}`);
    }),
  );
});

test('clock offset: an old sample -> gives way to a slower, newer one in time', (t) => {
  const clock = new ClockOffset(0, 0);
  clock.sample(0, 0, 2);
  clock.sample(1_000, 1_005, 1_020);
  t.is(clock.offsetMs, 1);
  clock.sample(100_000, 100_015, 100_020);
  t.is(clock.offsetMs, -5);
});

const CALLS = {
  write: 'written',
  read: 'answered',
  scan: 'page',
  changeRing: 'ringChanged',
  fetch: 'fetched',
  compare: 'compared',
  list: 'listed',
  watch: 'changes',
} as const;
for (const [call, reply] of Object.entries(CALLS) as [MessageName, MessageName][]) {
  test(`refused reply: a ${call} -> ${reply}, failed, from its receiver to its sender`, (t) => {
    const words = messageOf(call, { from: clientOf(3), to: coordinatorOf(32), request: 9 });
    const answer = refusedReply(words, 0, 'KV_OVERLOADED');
    const body = MESSAGES[reply].body === 'cbor' ? 8 : 0;
    t.is(answer?.[Head.size], (fieldOffsets(reply).body * 4 + body) | (MESSAGES[reply].tag << 24));
    t.deepEqual(
      [...(answer ?? []).slice(1, 4)],
      [coordinatorOf(32), clientOf(3), 9].map((_, i, all) => all[[1, 0, 2][i]]),
    );
    t.is(answer?.[fieldOffsets(reply).outcome], failure('KV_OVERLOADED'));
  });
}

test('refused reply: of each call that another host may make -> is one that this host takes', (t) => {
  const [own, peer] = [0, 1].map((host) => ({ first: host * 32, room: 32 }));
  const at = (role: Role, node: number) => addressOf(role, role === Role.client ? 5 : node, 0);
  let replies = 0;
  for (const [call, paths] of Object.entries(EXPORTS) as [MessageName, (typeof EXPORTS)[MessageName]][]) {
    if (paths === 'local') continue;
    for (const [from, to] of paths) {
      const reply = refusedReply(messageOf(call, { from: at(from, 0), to: at(to, 32) }), 0, 'KV_OVERLOADED');
      if (reply === undefined) continue;
      replies++;
      t.is(checkMessage(reply, 0, reply.length * 4, { own, peer }), undefined, call);
    }
  }
  t.true(replies > 10);
});

test('refused reply: a replicate -> replicated with its mark; a cast and a reply -> none', (t) => {
  for (const call of ['replicate', 'standIn'] as const) {
    const words = messageOf(call, { from: coordinatorOf(0), to: vnodeOf(32), fields: { mark: 1234 } });
    t.is(refusedReply(words, 0, 'KV_UNAVAILABLE')?.[fieldOffsets('replicated').mark], 1234);
  }
  for (const name of ['gossip', 'replicated', 'barrier', 'answered'] as const) {
    t.is(refusedReply(messageOf(name, { from: coordinatorOf(0), to: vnodeOf(32) }), 0, 'KV_OVERLOADED'), undefined);
  }
});
