/** Sizes, times, counts and addresses as people type and read them. */
import test from 'ava';
import fc from 'fast-check';
import {
  formatBytes,
  formatCount,
  formatNanoseconds,
  formatNumber,
  formatTarget,
  parseBytes,
  parseCount,
  parseDurationMs,
  parseTarget,
} from '../../src/cli/quantities.js';

for (const [text, bytes] of [
  ['4096', 4_096],
  ['64k', 65_536],
  ['64m', 67_108_864],
  ['1.5g', 1_610_612_736],
  ['2GiB', 2_147_483_648],
  ['1 TB', 1_099_511_627_776],
] as const) {
  test(`quantities: size ${text} -> ${bytes} bytes`, (t) => t.is(parseBytes(text), bytes));
}

for (const text of ['', 'm', '-1', '1x', '1.2.3m', '0x10', '1e6']) {
  test(`quantities: '${text}' as a size, a time or a count -> KV_USAGE`, (t) => {
    t.like(
      t.throws(() => parseBytes(text)),
      { code: 'KV_USAGE' },
    );
    t.like(
      t.throws(() => parseDurationMs(text)),
      { code: 'KV_USAGE' },
    );
    t.like(
      t.throws(() => parseCount(text)),
      { code: 'KV_USAGE' },
    );
  });
}

for (const [text, ms] of [
  ['500ms', 500],
  ['30s', 30_000],
  ['1.5m', 90_000],
  ['12h', 43_200_000],
  ['7d', 604_800_000],
] as const) {
  test(`quantities: time ${text} -> ${ms} ms`, (t) => t.is(parseDurationMs(text), ms));
}

test('quantities: a time without a unit, or of 0 -> KV_USAGE', (t) => {
  t.throws(() => parseDurationMs('30'), { message: /30s/ });
  t.throws(() => parseDurationMs('0s'));
});

test('quantities: a count out of bounds -> refused with the bounds', (t) => {
  t.is(parseCount('64', { min: 1, max: 64 }), 64);
  t.throws(() => parseCount('65', { min: 1, max: 64 }), { message: /from 1 to 64/ });
  t.throws(() => parseCount('0', { min: 1, max: 64 }));
  t.throws(() => parseCount('x', { min: 1 }), { message: "'x' is not a whole number of 1 or more" });
});

for (const [text, target] of [
  ['7379', { host: '127.0.0.1', port: 7379 }],
  [':7379', { host: '127.0.0.1', port: 7379 }],
  ['0.0.0.0:0', { host: '0.0.0.0', port: 0 }],
  ['db.example:65535', { host: 'db.example', port: 65_535 }],
  ['[::1]:7379', { host: '::1', port: 7379 }],
  ['./kvorum-data/kvorum.sock', { socketPath: './kvorum-data/kvorum.sock' }],
] as const) {
  test(`quantities: address ${text} -> its parts`, (t) => t.deepEqual(parseTarget(text), target));
}

for (const text of ['', 'localhost', 'localhost:', '::1:7379', 'a:b', '1.2.3.4:65536']) {
  test(`quantities: '${text}' as an address -> KV_USAGE`, (t) => {
    t.like(
      t.throws(() => parseTarget(text)),
      { code: 'KV_USAGE' },
    );
  });
}

test('quantities: any address formatted and parsed -> the same', (t) => {
  const host = fc.constantFrom('127.0.0.1', '::1', 'fe80::1', 'localhost', 'a.b-c.d');
  fc.assert(
    fc.property(host, fc.nat(65_535), (name, port) => {
      t.deepEqual(parseTarget(formatTarget({ host: name, port })), { host: name, port });
    }),
  );
});

test('quantities: formatting -> short and readable', (t) => {
  t.is(formatCount(1_234_567.4), '1,234,567');
  t.deepEqual([0, 640, 1_536, 268_435_456, 5 * 1024 ** 4].map(formatBytes), [
    '0 B',
    '640 B',
    '1.5 KiB',
    '256.0 MiB',
    '5.0 TiB',
  ]);
  t.deepEqual([850, 12_500, 3_100_000, 2_400_000_000].map(formatNanoseconds), ['850 ns', '12.5 µs', '3.1 ms', '2.4 s']);
});

test('quantities: a number of a noun -> plural but for one', (t) => {
  t.deepEqual(
    [0, 1, 1_234].map((count) => formatNumber(count, 'pair')),
    ['0 pairs', '1 pair', '1,234 pairs'],
  );
});
