/** The fast way of a read: when it is tried, when it is skipped, what passes through. */
import test from 'ava';
import { StoreError } from '../../src/core/errors.js';
import { LocalReads, NOT_LOCAL } from '../../src/server/local-reads.js';
import { FakeStore } from './fake-store.js';

test('local reads: a store that can answer -> its values, absent ones too', async (t) => {
  const store = new FakeStore();
  await store.put('a', 'v');
  const reads = new LocalReads(store);
  t.is(reads.get(Buffer.from('a')), 'v');
  t.is(reads.get(Buffer.from('b')), undefined);
});

test('local reads: a store that cannot for long -> few attempts; once it can -> used again within 256 reads', (t) => {
  const store = new FakeStore();
  const reads = new LocalReads(store);
  let attempts = 0;
  const getSync = store.getSync.bind(store);
  store.getSync = (key) => {
    attempts += 1;
    return getSync(key);
  };
  store.setLocal(false);
  for (let count = 0; count < 10_000; count++) t.is(reads.get(Buffer.from('a')), NOT_LOCAL);
  t.true(attempts < 60, `${attempts} attempts`);
  store.setLocal(true);
  for (let count = 0; count < 257; count++) reads.get(Buffer.from('a'));
  t.is(reads.get(Buffer.from('a')), undefined);
});

test('local reads: any other error -> thrown', (t) => {
  const store = new FakeStore();
  store.failure = new StoreError('KV_CLOSED', 'closed');
  t.throws(() => new LocalReads(store).get(Buffer.from('a')), { code: 'KV_CLOSED' });
});
