/** Writes of one tick leave together: in their order, each with an end of its own, also where a node's thread dies. */
import test from 'ava';
import { hostOf } from '../../src/client/open.js';
import type { StoreError } from '../../src/index.js';
import { failsWith, openSmall, until } from './store-fixture.js';

test('one tick: plain writes, deletes, and writes with options of one key -> the last one stays', async (t) => {
  const store = await openSmall(t);
  const endings = [
    () => store.put('k', 'plain'),
    () => store.put('k', 'own deadline', { deadlineMs: 20_000 }),
    () => store.put('k', 'synced', { durability: 'sync' }),
    () => store.delete('k'),
  ];
  const kept = ['plain', 'own deadline', 'synced', undefined];
  for (const [last, ending] of endings.entries()) {
    const others = endings.filter((_, index) => index !== last);
    for (const before of [others, others.toReversed()]) {
      await Promise.all([...before, ending].map((write) => write()));
      t.is(await store.get('k', { r: 3 }), kept[last]);
    }
  }
});

test('one tick: more writes than a message takes, small and large -> all are there', async (t) => {
  const store = await openSmall(t, { pairBytesMax: 60_000 });
  const values = Array.from({ length: 600 }, (_, index) => `${index} `.padEnd(index % 50 === 0 ? 50_000 : 200, 'é'));
  const small = values.map((value) => value.slice(0, 25_000));
  await Promise.all(small.map((value, index) => store.put(`k${index}`, value)));
  t.deepEqual(await store.getMany(small.map((_, index) => `k${index}`)), small);
});

test('putMany: one item that cannot be written -> fails with its error; the batches beside it do not', async (t) => {
  const store = await openSmall(t);
  const pairs = Array.from({ length: 200 }, (_, index): [string, string] => [`k${index}`, 'v']);
  const [bad, good] = await Promise.allSettled([store.putMany([...pairs, ['', 'v']]), store.putMany(pairs)]);
  t.is(bad.status === 'rejected' && (bad.reason as StoreError).code, 'KV_INVALID_KEY');
  t.is(good.status, 'fulfilled');
});

test('putMany: a node’s thread ends in the middle -> what was confirmed is there, the rest ends with an error', async (t) => {
  const store = await openSmall(t, { deadlineMs: 20_000 });
  const supervisor = hostOf(store).supervisor(1);
  const confirmed: string[] = [];
  let failed = 0;
  let stopped = false;
  const lane = async (name: string) => {
    for (let round = 0; !stopped; round++) {
      const keys = Array.from({ length: 100 }, (_, index) => `${name} ${round % 20} ${index}`);
      const value = `${name} ${round}`;
      await store.putMany(keys.map((key) => [key, value])).then(
        () => confirmed.push(value),
        (error: StoreError) => {
          t.true(error.retryable, error.code);
          failed++;
        },
      );
    }
  };
  const lanes = ['a', 'b', 'c'].map(lane);
  for (let death = 0; death < 2; death++) {
    const { incarnation } = supervisor;
    const count = confirmed.length;
    await until(() => confirmed.length > count + 20);
    await supervisor.terminate();
    await until(() => supervisor.incarnation > incarnation && store.members()[1].state === 'up');
  }
  stopped = true;
  await Promise.all(lanes);
  t.log({ confirmed: confirmed.length, failed });
  for (const name of ['a', 'b', 'c']) {
    for (let slot = 0; slot < 20; slot++) {
      const rounds = confirmed.filter((value) => value.startsWith(name)).map((value) => Number(value.slice(2)));
      const last = Math.max(...rounds.filter((round) => round % 20 === slot));
      if (!Number.isFinite(last)) continue;
      const keys = Array.from({ length: 100 }, (_, index) => `${name} ${slot} ${index}`);
      for (const value of await store.getMany(keys, { r: 2 })) t.true(Number((value as string).slice(2)) >= last);
    }
  }
});

test('a value with a getter that uses the store -> is written under its own key, whole', async (t) => {
  const store = await openSmall(t);
  await store.put('of the getter', 'read');
  const value = {
    before: 'x',
    get read() {
      return store.getSync('of the getter');
    },
    after: 'y',
  };
  const whole = { before: 'x', read: 'read', after: 'y' };
  await store.put('plain', value);
  await store.put('with options', value, { w: 3 });
  await store.putMany([['of many', value]]);
  for (const key of ['plain', 'with options', 'of many']) t.deepEqual(await store.get(key), whole, key);
  t.is(await store.get('of the getter'), 'read');
});

test('a value with a getter that writes such a value -> that is refused, and the first is whole', async (t) => {
  const store = await openSmall(t);
  let inner: Promise<unknown> = Promise.resolve();
  const value = {
    before: 'x',
    get writes() {
      inner = store.put('inner', { of: 'the getter' });
      return 'written';
    },
    after: 'y',
  };
  const outer = store.put('outer', value);
  await failsWith(t, 'KV_INVALID_VALUE', () => inner);
  await outer;
  t.deepEqual(await store.get('outer'), { before: 'x', writes: 'written', after: 'y' });
  t.is(await store.get('inner'), undefined);
});
