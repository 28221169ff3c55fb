/** Bulk load: batches in flight, bad lines, retries. The store is a Map. */
import test from 'ava';
import { type BadLine, type LoadOptions, loadLines } from '../../src/cli/loader.js';
import { LocalAccess } from '../../src/cli/local-access.js';
import { readLines } from '../../src/cli/ndjson.js';
import type { PairToWrite } from '../../src/cli/store-access.js';
import { StoreError } from '../../src/core/errors.js';
import { FakeStore } from '../server/fake-store.js';

const VALUE_MAX = 100;

/** Refuses pairs with a long value, fails a number of times first, and counts what is in flight. */
class PickyAccess extends LocalAccess {
  inFlight = 0;
  inFlightMax = 0;
  batchMax = 0;
  failures = 0;
  failure = new StoreError('KV_OVERLOADED', 'full');

  override async load(pairs: readonly PairToWrite[]): Promise<void> {
    this.inFlightMax = Math.max(this.inFlightMax, ++this.inFlight);
    this.batchMax = Math.max(this.batchMax, pairs.length);
    try {
      await new Promise((resolve) => setTimeout(resolve, 2));
      if (this.failures-- > 0) throw this.failure;
      if (pairs.some(({ value }) => String(value).length > VALUE_MAX)) {
        throw new StoreError('KV_PAIR_TOO_LARGE', 'too large');
      }
      await super.load(pairs);
    } finally {
      this.inFlight -= 1;
    }
  }
}

function setUp(options: Partial<LoadOptions> = {}) {
  const store = new FakeStore();
  const access = new PickyAccess(store, '/nowhere');
  const bad: BadLine[] = [];
  const load = async (text: string) => {
    async function* chunks() {
      yield Buffer.from(text);
    }
    const onBadLine = (line: BadLine) => bad.push(line);
    return loadLines(access, readLines(chunks()), { onError: 'stop', onBadLine, onProgress() {}, ...options });
  };
  return { store, access, bad, load };
}

function linesOf(count: number, valueFor: (number: number) => unknown = (number) => number): string {
  return Array.from({ length: count }, (_, number) =>
    JSON.stringify({ key: `k${number}`, value: valueFor(number) }),
  ).join('\n');
}

test('loader: 1,000 lines -> all written, batches and those in flight bounded, bytes counted', async (t) => {
  const { store, access, load } = setUp({ batchPairs: 10, inFlightMax: 4 });
  const text = linesOf(1_000);
  t.deepEqual(await load(text), { loaded: 1_000, skipped: 0, bytes: Buffer.byteLength(text) });
  t.is(store.entries.size, 1_000);
  t.is(access.inFlightMax, 4);
  t.is(access.batchMax, 10);
});

test('loader: batches by bytes -> none beyond the bound unless a single line is', async (t) => {
  const { access, load } = setUp({ batchBytes: 100 });
  await load(linesOf(50, () => 'x'.repeat(20)));
  t.true(access.batchMax >= 1 && access.batchMax <= 2);
});

test('loader: a bad line under stop -> its number, and what came before is written', async (t) => {
  const { store, load } = setUp({ batchPairs: 7 });
  const error = await t.throwsAsync(load(`${linesOf(20)}\nnonsense\n{"key":"after","value":1}`), {
    message: /^line 21: not JSON/,
  });
  t.like(error, { code: 'KV_INPUT', details: { line: 21, loaded: 20 } });
  t.is(store.entries.size, 20);
});

test('loader: bad lines under skip -> reported with their numbers, the rest is written', async (t) => {
  const { store, bad, load } = setUp({ onError: 'skip', batchPairs: 3 });
  const totals = await load(`{"key":"a","value":1}\n[]\n\n{"key":"b","value":2}\n{"key":"c"}\n`);
  t.like(totals, { loaded: 2, skipped: 2 });
  t.deepEqual(
    bad.map(({ line }) => line),
    [2, 5],
  );
  t.is(store.entries.size, 2);
});

test('loader: a pair that the store refuses -> found in its batch and named; its neighbours are written', async (t) => {
  const picky = (number: number) => 'x'.repeat(number === 13 ? VALUE_MAX + 1 : 1);
  const skipping = setUp({ onError: 'skip', batchPairs: 8 });
  t.like(await skipping.load(linesOf(20, picky)), { loaded: 19, skipped: 1 });
  t.deepEqual(skipping.bad, [{ line: 14, fault: 'KV_PAIR_TOO_LARGE: too large' }]);
  const stopping = setUp({ batchPairs: 8 });
  await t.throwsAsync(stopping.load(linesOf(20, picky)), { message: /^line 14: KV_PAIR_TOO_LARGE/ });
});

test('loader: an overload that passes -> tried again until it is written', async (t) => {
  const { store, access, load } = setUp({ batchPairs: 5 });
  access.failures = 4;
  t.like(await load(linesOf(20)), { loaded: 20 });
  t.is(store.entries.size, 20);
});

test('loader: an error that no retry helps -> the load ends with it', async (t) => {
  const { access, load } = setUp({ batchPairs: 5, inFlightMax: 2 });
  access.failures = 1;
  access.failure = new StoreError('KV_CLOSED', 'closed');
  t.like(await t.throwsAsync(load(linesOf(1_000))), { code: 'KV_CLOSED' });
  t.is(access.inFlight, 0);
});

test('loader: a key on two lines, its first batch refused at first -> the later line is what stays', async (t) => {
  const { store, access, load } = setUp({ batchPairs: 1 });
  access.failures = 1;
  const lines = ['{"key":"a","value":1}', '{"keyBase64":"YQ==","value":2}', '{"key":"b","value":3}'];
  t.like(await load(lines.join('\n')), { loaded: 3 });
  t.is(store.entries.get('a')?.value, 2);
  t.is(store.entries.get('b')?.value, 3);
});
