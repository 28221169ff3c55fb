/** The small pure parts of the bridge: pieces, credits, choices, pauses, addresses. */
import test from 'ava';
import fc from 'fast-check';
import { afterRefusalMs, redialDelayMs } from '../../src/bridge/backoff.js';
import { checkSettings } from '../../src/bridge/bridge-settings.js';
import { ChunkAssembly } from '../../src/bridge/chunk-assembly.js';
import { objectionTo } from '../../src/bridge/connection-choice.js';
import { CreditAccount, CreditWindow } from '../../src/bridge/credit.js';
import { formatEndpoint, isLoopback, parseEndpoint } from '../../src/bridge/host-address.js';
import { REDIAL_CAP_MS } from '../../src/bridge/limits.js';
import { reasonOf } from '../../src/bridge/refusal.js';
import { namesOf } from '../../src/bridge/tls-identity.js';
import { StoreError } from '../../src/core/errors.js';

test('chunk assembly: pieces of any sizes -> the whole', (t) => {
  const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(sizes, (units) => {
      const total = units.reduce((sum, unit) => sum + unit * 8, 0);
      const whole = Uint8Array.from({ length: total }, (_, i) => i * 7);
      const assembly = new ChunkAssembly(total);
      let from = 0;
      for (const [i, unit] of units.entries()) {
        const result = assembly.add(total, from, whole.subarray(from, from + unit * 8));
        from += unit * 8;
        if (i < units.length - 1) t.is(result, undefined);
        else t.deepEqual(Uint8Array.from(result?.bytes ?? []), whole);
      }
      t.false(assembly.isOpen);
    }),
  );
});

test('chunk assembly: a gap, another total, too large a whole, more than the whole -> refused', (t) => {
  const piece = new Uint8Array(16);
  for (const [total, from] of [
    [64, 8],
    [64, 32],
    [72, 16],
    [64, 0],
    [-8, 16],
  ]) {
    const assembly = new ChunkAssembly(1024);
    assembly.add(64, 0, piece);
    t.is(reasonOf(t.throws(() => assembly.add(total, from, piece))), 'chunk', `${total} from ${from}`);
  }
  for (const total of [0, -8, 12, 1032, 0x7fff_fff8]) {
    t.is(reasonOf(t.throws(() => new ChunkAssembly(1024).add(total, 0, piece))), 'chunk', `a whole of ${total}`);
  }
  t.is(reasonOf(t.throws(() => new ChunkAssembly(1024).add(8, 0, piece))), 'chunk');
});

test('credit: any sends and reports, through the wrap of 32 bits -> the window bounds what is under way', (t) => {
  const steps = fc.array(fc.tuple(fc.integer({ min: 1, max: 500 }), fc.boolean()), { maxLength: 200 });
  fc.assert(
    fc.property(steps, (moves) => {
      const window = new CreditWindow(1_000);
      const account = new CreditAccount(1_000);
      const start = 0xffff_f000;
      window.spend(start);
      t.true(window.refill(start));
      account.take(start);
      account.tell();
      for (const [bytes, takes] of moves) {
        if (window.allows(bytes)) {
          window.spend(bytes);
          t.true(account.take(bytes));
        }
        t.true(window.underWay <= 1_000);
        if (takes && account.isDue) t.true(window.refill(account.tell()));
      }
    }),
  );
});

test('credit: a sender that goes beyond its window -> is noticed', (t) => {
  const account = new CreditAccount(1_000);
  t.true(account.take(1_000));
  t.false(account.take(8));
});

const standing = (dialer: string, ageMs: number, silentMs = 5) => ({ dialer, incarnation: 1, ageMs, silentMs });

test('connection choice: dials that crossed -> both sides keep the one of the smaller id', (t) => {
  for (const [self, peer] of [
    ['a', 'b'],
    ['b', 'a'],
  ]) {
    t.is(objectionTo({ dialer: 'a', incarnation: 1 }, standing('b', 5), { self, peer }), undefined);
    t.is(objectionTo({ dialer: 'b', incarnation: 1 }, standing('a', 5), { self, peer }), 'duplicate');
  }
});

test('connection choice: the same dialer, or an old connection -> the new one', (t) => {
  const ids = { self: 'a', peer: 'b' };
  t.is(objectionTo({ dialer: 'a', incarnation: 1 }, standing('a', 5), ids), undefined);
  t.is(objectionTo({ dialer: 'b', incarnation: 1 }, standing('a', 60_000), ids), undefined);
});

test('connection choice: another process of the same id -> refused as long as the old one is heard of', (t) => {
  for (const dialer of ['a', 'b']) {
    const added = { dialer, incarnation: 2 };
    t.is(objectionTo(added, standing('a', 60_000, 1_500), { self: 'a', peer: 'b' }), 'id-in-use');
    t.is(objectionTo(added, standing('a', 60_000, 4_000), { self: 'a', peer: 'b' }), undefined);
  }
});

test('backoff: any attempt -> between 0 and the doubled base, never beyond the cap; after a refusal slowly', (t) => {
  fc.assert(
    fc.property(fc.nat(1_000), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (attempt, random) => {
      const delayMs = redialDelayMs(attempt, random);
      t.true(delayMs >= 0 && delayMs <= Math.min(REDIAL_CAP_MS, 50 * 2 ** attempt));
      t.true(afterRefusalMs(random) >= REDIAL_CAP_MS / 2 && afterRefusalMs(random) <= REDIAL_CAP_MS);
    }),
  );
});

test('host address: text and back -> the same; what is none -> undefined', (t) => {
  for (const text of ['127.0.0.1:80', 'db-1.example:7400', '[::1]:0', '[fe80::1]:65535']) {
    const endpoint = parseEndpoint(text);
    t.is(endpoint === undefined ? undefined : formatEndpoint(endpoint), text);
  }
  for (const text of ['', 'host', ':80', 'host:', 'host:65536', 'host:-1', 'a:b:80', 'host:8o']) {
    t.is(parseEndpoint(text), undefined, text);
  }
  t.true(['127.0.0.1', '127.9.9.9', '::1', 'localhost'].every(isLoopback));
  t.false(['0.0.0.0', '::', '10.0.0.1', '127.evil.example', '1270.0.0.1'].some(isLoopback));
});

test('certificate: common name and DNS names -> the names; anything else is none', (t) => {
  const subject = { CN: 'host-a' } as never;
  t.deepEqual(namesOf({ subject, subjectaltname: 'DNS:b.example, IP Address:10.0.0.1, DNS:c' }), [
    'host-a',
    'b.example',
    'c',
  ]);
  t.deepEqual(namesOf({ subject, subjectaltname: 'DNS:"x, DNS:evil", URI:http://y' }), ['host-a']);
  t.deepEqual(namesOf({}), []);
});

const self = { host: 'a', address: '127.0.0.1:1', first: 0, room: 32, zone: '', machine: '' };
const settings = {
  self,
  listen: { host: '127.0.0.1', port: 0 },
  seeds: [],
  known: [],
  clusterName: 'c',
  optionsHash: 'o',
  clockDriftMaxMs: 1,
};

test('settings: neither secret nor certificates -> only addresses of this machine', (t) => {
  t.notThrows(() => checkSettings(settings));
  const beyond = [
    { listen: { host: '0.0.0.0', port: 0 } },
    { seeds: ['10.0.0.1:7400'] },
    { known: [{ ...self, host: 'b', first: 32, address: 'db-2.example:7400' }] },
    { self: { ...self, address: '10.0.0.1:7400' } },
  ];
  for (const change of beyond) {
    const error = t.throws(() => checkSettings({ ...settings, ...change }), { instanceOf: StoreError });
    t.is(error?.code, 'KV_INVALID_OPTION');
    t.notThrows(() => checkSettings({ ...settings, ...change, secret: 's' }));
  }
  t.throws(() => checkSettings({ ...settings, secret: '' }), { instanceOf: StoreError });
  t.throws(() => checkSettings({ ...settings, seeds: ['nowhere'] }), { instanceOf: StoreError });
  t.throws(() => checkSettings({ ...settings, self: { ...self, first: 3 } }), { instanceOf: StoreError });
});
