/** The bench's own tools: the driver's depth and end, the arithmetic of medians and ratios, the generator, the report. */
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import fc from 'fast-check';
import { drive } from '../../bench/harness/driver.js';
import { compare, interleave, median } from '../../bench/harness/interleave.js';
import { residentBytes } from '../../bench/harness/machine.js';
import { xorshift32 } from '../../bench/harness/random.js';
import { formatCount, formatReport, makeReport, type Result } from '../../bench/harness/report.js';
import { buildWorkload, KEY_BYTES, VALUE_BYTES } from '../../bench/harness/workload.js';

test('driver: depth 7 -> exactly 7 requests in flight until the end, all of them counted', async (t) => {
  let inFlight = 0;
  let most = 0;
  let calls = 0;
  const { requests } = await drive({ depth: 7, durationMs: 20 }, async () => {
    calls++;
    most = Math.max(most, ++inFlight);
    await sleep(1);
    inFlight--;
  });
  t.is(most, 7);
  t.is(inFlight, 0);
  t.is(requests, calls);
});

test('driver: a step that never leaves the thread -> the time still ends it', async (t) => {
  const { requests, seconds } = await drive({ depth: 4, durationMs: 10 }, () => undefined);
  t.true(requests > 0 && seconds >= 0.01 && seconds < 30);
});

test('driver: requestsMax -> that many requests and no more', async (t) => {
  const { requests } = await drive({ depth: 3, durationMs: Number.POSITIVE_INFINITY, requestsMax: 100 }, () =>
    sleep(0),
  );
  t.is(requests, 100);
});

test('driver: a step that fails -> rejects with its error, and the other loops have ended', async (t) => {
  let calls = 0;
  const failing = drive({ depth: 5, durationMs: 1_000 }, async () => {
    await sleep(1);
    if (++calls === 12) throw new Error('the twelfth');
  });
  await t.throwsAsync(failing, { message: 'the twelfth' });
  const seen = calls;
  await sleep(10);
  t.is(calls, seen);
});

test('interleave: three contestants, three rounds -> each runs once a round, in an order that changes', async (t) => {
  const order: string[] = [];
  const contestants = ['a', 'b', 'c'].map((name) => ({ name, slice: async () => order.push(name) }));
  const rates = await interleave(contestants, 3, async () => {});
  t.is(order.join(''), 'abcacbcab');
  t.deepEqual(rates.get('b'), [2, 6, 9]);
});

test('median: any values -> as many below as above', (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer(), { minLength: 1 }), (values) => {
      const middle = median(values);
      const below = values.filter((value) => value < middle).length;
      const above = values.filter((value) => value > middle).length;
      return below <= values.length / 2 && above <= values.length / 2;
    }),
  );
  t.is(median([4, 1, 3, 2]), 2.5);
});

test('compare: rates -> ratio of the medians and the spread of the rounds', (t) => {
  t.deepEqual(compare([10, 20, 30], [10, 10, 5]), { ratio: 2, low: 1, high: 6 });
});

test('random: any seed -> repeats itself and never sticks', (t) => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const draw = xorshift32(seed);
      const again = xorshift32(seed);
      const drawn = Array.from({ length: 50 }, () => draw());
      return drawn.every((value) => value === again()) && new Set(drawn).size > 45;
    }),
  );
  t.not(xorshift32(1)(), xorshift32(2)());
});

test('workload: keys and values -> of the sizes promised, different for each key and generation', (t) => {
  const { keys, values, batches } = buildWorkload(1_000, 10, 100);
  t.is(new Set(keys).size, 1_000);
  t.is(new Set([...values[0], ...values[1]]).size, 2_000);
  t.true(keys.every((key) => Buffer.byteLength(key) === KEY_BYTES));
  t.true(values.flat().every((value) => Buffer.byteLength(value) === VALUE_BYTES));
  t.true(batches.every(({ keys: batch, pairs }) => batch.length === 100 && pairs[1].length === 100));
});

const RESULT: Result = {
  id: 'embedded.get.n1.depth128',
  ours: 1_200_000,
  peers: { ioredis: 150_000 },
  ratio: { ioredis: 8 },
  control: { ratio: 0.98, low: 0.9, high: 1.1 },
};

test('report: a result -> its id, rates, ratio and control in the table and in the JSON', (t) => {
  const machine = { cpu: 'A processor', cores: 2, memory: 2 ** 33, node: 'v20.19.0', os: 'Linux' };
  const report = makeReport(machine, [RESULT], ['node-redis: not there']);
  const text = formatReport(report);
  for (const part of ['embedded.get.n1.depth128', '1.20M', '150k 8.00x', '0.98', 'skipped: node-redis: not there'])
    t.true(text.includes(part), part);
  t.deepEqual(JSON.parse(JSON.stringify(report)).results[0].ratio, { ioredis: 8 });
  t.deepEqual(report.control, { ids: 1, low: 0.98, high: 0.98 });
});

test('report: counts -> three digits and a suffix', (t) => {
  t.deepEqual([0, 12.34, 999.4, 1_000, 45_678, 999_400, 999_900, 1_234_567].map(formatCount), [
    '0',
    '12.3',
    '999',
    '1.00k',
    '45.7k',
    '999k',
    '1.00M',
    '1.23M',
  ]);
});

test('machine: resident memory -> grows by what is touched, where the system tells', (t) => {
  const before = residentBytes();
  if (before === undefined) {
    t.pass('no /proc here');
    return;
  }
  const touched = Buffer.alloc(64 * 1024 * 1024, 1);
  t.true((residentBytes() ?? 0) - before > touched.length * 0.9);
});
