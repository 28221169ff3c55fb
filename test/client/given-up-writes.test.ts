/** What a thread writes behind writes that it has given up: it names a clock above all that those may have got. */
import test from 'ava';
import { KeyScratch } from '../../src/client/key-scratch.js';
import { Requests } from '../../src/client/requests.js';
import { WriteMembers } from '../../src/client/write-members.js';
import { type WriteOrder, Writes } from '../../src/client/writes.js';
import { packClock } from '../../src/core/hybrid-clock.js';
import type { StoreError } from '../../src/index.js';
import { Write } from '../../src/protocol/messages.js';
import { getNumber } from '../../src/protocol/record.js';
import { until } from './store-fixture.js';

const ORDER: WriteOrder = {
  w: 1,
  durability: 0,
  deadlineMs: 10_000,
  expiresAtMs: 0,
  tombstone: false,
  available: false,
  context: undefined,
};

/** A thread's writes, and the messages that they leave in. */
function makeWrites() {
  const messages: Int32Array[] = [];
  const seat = {
    address: 0,
    nowMs: 1_000,
    wallMs: Date.now(),
    incarnation: 1,
    referenced: false,
    out: { words: new Int32Array(0), bytes: Buffer.alloc(0), at: 0 },
    beforePublish: () => undefined,
    beginTick: () => undefined,
    flush: () => undefined,
    shrink: () => undefined,
    incarnationOf: () => seat.incarnation,
    connectionTo: () => 0,
    mayAnswer: () => true,
    open(_tag: number, _to: number, _id: number, bytes: number) {
      const words = new Int32Array(bytes / 4);
      seat.out = { words, bytes: Buffer.from(words.buffer), at: 0 };
      messages.push(words);
      return true;
    },
    published: 0,
    publishEarly: () => {
      seat.published = messages.length;
    },
  };
  let node = 0;
  const router = { route: () => node, epoch: 1, slotShift: 6 };
  const requests = new Requests(seat, 1_000);
  const writes = new Writes(seat, requests, { pairBytesMax: 10_240, clockDriftMaxMs: 60_000 }, router);
  const key = new KeyScratch();
  key.set('k');
  const errors: StoreError[] = [];
  const member = { settled: () => undefined, failed: (_index: number, error: StoreError) => void errors.push(error) };
  return {
    seat,
    requests,
    messages,
    errors,
    routeTo: (other: number) => {
      node = other;
    },
    /** Sends a write at once; its id. */
    send() {
      const members = new WriteMembers();
      members.add(member, 0);
      return writes.send(key, 'v', ORDER, members);
    },
    /** Adds a write to those that leave together. */
    gather(name = 'k') {
      key.set(name);
      writes.batches.add(key, 'v', ORDER, member, 0);
    },
    flush: () => writes.batches.flushAll(),
  };
}

const latestOf = (words: Int32Array) => words[Write.latest] >>> 0;
const callerClockOf = (words: Int32Array) => getNumber(words, Write.callerClock);
/** The last clock of a millisecond, of which the low 32 bits are known. */
const endOf = (wallMs: number, latest: number) => packClock(wallMs + ((latest - wallMs) | 0), 4_095);

test('a node of this host ends with a write in flight -> the next one is newer than any clock that it may have got', async (t) => {
  const { seat, requests, messages, errors, send } = makeWrites();
  send();
  seat.incarnation++;
  await until(() => errors.length === 1);
  t.is(errors[0].code, 'KV_NODE_RESTARTED');
  send();
  const [first, second] = messages;
  t.true(callerClockOf(second) >= endOf(seat.wallMs, latestOf(first)));
  t.true(latestOf(second) > latestOf(first));
  requests.close(new Error('over') as StoreError);
});

test('a write is given up while others are gathered -> those that join them leave with a clock above it', (t) => {
  const { seat, requests, messages, routeTo, send, gather, flush } = makeWrites();
  const id = send();
  routeTo(1);
  gather();
  requests.giveUp(id);
  gather();
  flush();
  const [first, many] = messages;
  t.is(messages.length, 2);
  t.true(callerClockOf(many) >= endOf(seat.wallMs, latestOf(first)));
  requests.close(new Error('over') as StoreError);
});

test('many writes of one tick for one node -> the first of them leave before the tick ends, the others with it', (t) => {
  const { seat, requests, messages, routeTo, gather, flush } = makeWrites();
  for (let i = 0; i < 300; i++) gather();
  routeTo(1);
  for (let i = 0; i < 100; i++) gather('of another partition');
  t.is(messages.length, 2);
  t.is(seat.published, 2, 'two messages of 128 writes have left');
  flush();
  t.is(messages.length, 4, 'the rest of the one node, and what is for the other');
  t.is(requests.inFlight, 400);
  requests.close(new Error('over') as StoreError);
});
