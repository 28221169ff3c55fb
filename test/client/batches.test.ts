/** Calls on many keys have one deadline, however many windows of requests they take. */
import test from 'ava';
import { getMany, type ManyReader } from '../../src/client/batches.js';
import { CallOptions } from '../../src/client/call-options.js';
import { NOT_LOCAL } from '../../src/client/local-reads.js';
import { Batch, type SendItem } from '../../src/client/waiters.js';
import { StoreError } from '../../src/index.js';
import { MessageView } from '../../src/protocol/header.js';
import { failsWith, openSmall } from './store-fixture.js';

const calls = new CallOptions({ n: 3, r: 2, w: 2, mode: 'strict', durability: 'interval', deadlineMs: 60_000 });
const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A thread that has nothing in memory, whose messages take so long; notes how long each may take. */
function slowReader(answerMs: number) {
  const deadlines: number[] = [];
  const core: ManyReader = {
    calls,
    checkOpen: () => undefined,
    readWindow: 2,
    getLocalGroup: (_keys, start, end, _r, values) => void values.fill(NOT_LOCAL, start, end),
    getAny: async (key, { deadlineMs }) => {
      deadlines.push(deadlineMs);
      await later(answerMs);
      return key;
    },
  };
  return { core, deadlines };
}

test('getMany: cold keys in several windows -> each has what is left of the one deadline', async (t) => {
  const { core, deadlines } = slowReader(20);
  t.deepEqual(await getMany(core, ['a', 'b', 'c', 'd', 'e', 'f'], { deadlineMs: 10_000 }), [
    'a',
    'b',
    'c',
    'd',
    'e',
    'f',
  ]);
  t.is(deadlines[0], 10_000);
  t.true(deadlines[2] < 10_000 && deadlines[4] < deadlines[2], `${deadlines}`);
});

test('getMany: the deadline passes between windows -> KV_DEADLINE_EXCEEDED, and no more is asked', async (t) => {
  const { core, deadlines } = slowReader(60);
  const keys = Array.from({ length: 40 }, (_, index) => `${index}`);
  const beganAt = performance.now();
  await failsWith(t, 'KV_DEADLINE_EXCEEDED', () => getMany(core, keys, { deadlineMs: 100 }));
  t.true(deadlines.length <= 4, `${deadlines.length}`);
  t.true(performance.now() - beganAt < 1_000);
});

test('getMany: refused as overloaded -> asked again with what is left of the time; until the deadline, or the signal', async (t) => {
  const { core, deadlines } = slowReader(0);
  const refusing = (times: number): ManyReader => ({
    ...core,
    getAny: async (key, order) => {
      if (times-- > 0) throw new StoreError('KV_OVERLOADED', 'too much is under way');
      return core.getAny(key, order);
    },
  });
  t.deepEqual(await getMany(refusing(3), ['a', 'b'], { deadlineMs: 10_000 }), ['a', 'b']);
  t.true(deadlines.every((left) => left <= 10_000) && deadlines.some((left) => left < 10_000), `${deadlines}`);
  await failsWith(t, 'KV_OVERLOADED', () => getMany(refusing(1e6), ['a'], { deadlineMs: 50 }));
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 30);
  await failsWith(t, 'KV_ABORTED', () => getMany(refusing(1e6), ['a'], { signal: controller.signal }));
});

test('getMany: many calls at once, of more keys than may be in flight -> all answered', async (t) => {
  const store = await openSmall(t, { inFlightMax: 64 });
  const keys = Array.from({ length: 200 }, (_, index) => `k${index}`);
  await store.putMany(keys.map((key, index) => [key, index] as const));
  const all = await Promise.all(Array.from({ length: 20 }, () => store.getMany(keys, { r: 'each-quorum' })));
  for (const values of all) t.deepEqual(values, [...keys.keys()]);
});

/** Answers each item after a while: confirmed, or refused where `isRefused`. */
function slowSend(
  answerMs: number,
  lefts: number[],
  isRefused: (item: string) => boolean = () => false,
): SendItem<string> {
  const reply = new MessageView();
  return (item, member, index, leftMs) => {
    lefts.push(leftMs);
    setTimeout(() => {
      if (isRefused(item)) member.failed(index, new StoreError('KV_OVERLOADED', 'as planned'));
      else member.settled(index, reply);
    }, answerMs);
  };
}

const batchOf = (send: SendItem<string>, deadlineMs: number) =>
  new Batch(send, {
    keyOf: (item) => item,
    check: () => undefined,
    deadlineMs,
    window: 2,
    signal: undefined,
    publish: () => undefined,
    onAbort: () => undefined,
  });

test('batch: items in several windows -> each has what is left of the one deadline', async (t) => {
  const lefts: number[] = [];
  await batchOf(slowSend(20, lefts), 10_000).run(['a', 'b', 'c', 'd', 'e']);
  t.is(lefts.length, 5);
  t.is(lefts[0], 10_000);
  t.true(lefts[2] < 10_000 && lefts[4] < lefts[2], `${lefts}`);
});

test('batch: the deadline passes between windows -> KV_DEADLINE_EXCEEDED, and no more is sent', async (t) => {
  const lefts: number[] = [];
  const items = Array.from({ length: 40 }, (_, index) => `${index}`);
  await failsWith(t, 'KV_DEADLINE_EXCEEDED', () => batchOf(slowSend(60, lefts), 100).run(items));
  t.true(lefts.length <= 4, `${lefts.length}`);
});

test('batch: one item is refused for ever while others are confirmed -> no longer than the one deadline', async (t) => {
  const lefts: number[] = [];
  let turn = 0;
  // each refusal is followed by a confirmation of the other item
  const send = slowSend(5, lefts, () => turn++ % 3 > 0);
  const items = Array.from({ length: 400 }, (_, index) => `${index}`);
  const beganAt = performance.now();
  const error = await t.throwsAsync(batchOf(send, 200).run(items), { instanceOf: StoreError });
  t.true(['KV_OVERLOADED', 'KV_DEADLINE_EXCEEDED'].includes(error?.code ?? ''), error?.message);
  t.true(performance.now() - beganAt < 2_000);
});
