/**
 * The checker of register histories: it accepts whatever a real register did, rejects what none can do, agrees with a
 * search of every order, and stays fast on long histories.
 */
import test from 'ava';
import fc from 'fast-check';
import { checkRegister, type RegisterOperation } from '../../src/sim/linearizability.js';

const write = (value: string | null, callNs: number, returnNs = Number.POSITIVE_INFINITY): RegisterOperation => ({
  kind: 'write',
  value,
  callNs,
  returnNs,
});
const read = (value: string | null, callNs: number, returnNs: number): RegisterOperation => ({
  kind: 'read',
  value,
  callNs,
  returnNs,
});

const TABLE: readonly (readonly [what: string, history: readonly RegisterOperation[], linearizable: boolean])[] = [
  ['nothing', [], true],
  ['a read of what was written', [write('a', 0, 1), read('a', 2, 3)], true],
  ['a read that misses an acknowledged write', [write('a', 0, 1), read(null, 2, 3)], false],
  ['a read of what was replaced', [write('a', 0, 1), write('b', 2, 3), read('a', 4, 5)], false],
  ['a read of what nobody wrote', [write('a', 0, 1), read('b', 2, 3)], false],
  ['reads beside a write, old then new', [write('a', 0, 9), read(null, 1, 2), read('a', 3, 4)], true],
  ['reads beside a write, new then old', [write('a', 0, 9), read('a', 1, 2), read(null, 3, 4)], false],
  ['an unknown write that shows late', [write('a', 0), write('b', 1, 2), read('b', 3, 4), read('a', 5, 6)], true],
  ['an unknown write that shows and goes', [write('a', 0), write('b', 1, 2), read('a', 3, 4), read('b', 5, 6)], false],
  [
    'an unknown write that shows, goes and shows again',
    [write('a', 0), write('b', 1, 2), read('b', 3, 4), read('a', 5, 6), read('b', 7, 8)],
    false,
  ],
  ['a read before its write is called', [read('a', 0, 1), write('a', 2, 3)], false],
  ['a delete, then nothing', [write('a', 0, 1), write(null, 2, 3), read(null, 4, 5)], true],
  ['a delete that comes undone', [write('a', 0, 1), write(null, 2, 3), read('a', 4, 5)], false],
  ['ends and beginnings at one time', [write('a', 0, 2), read(null, 2, 3)], true],
];

for (const [what, history, linearizable] of TABLE) {
  test(`linearizability: ${what} -> ${linearizable ? 'accepted' : 'rejected'}`, (t) => {
    t.is(checkRegister(history).linearizable, linearizable);
  });
}

test('linearizability: a rejected history -> names the operation that fits nowhere and the order before it', (t) => {
  const verdict = checkRegister([write('a', 0, 1), read('a', 2, 3), write('b', 4, 5), read('a', 6, 7)]);
  t.false(verdict.linearizable);
  if (verdict.linearizable) return;
  t.is(verdict.stuckAt, 3);
  t.deepEqual(verdict.order, [0, 1, 2]);
});

interface Plan {
  readonly kind: 'write' | 'read';
  readonly value: number;
  /** Between the linearization points of this client's calls, and around this one. */
  readonly gap: number;
  readonly before: number;
  readonly after: number;
  readonly known: boolean;
}

const plans = fc.array(
  fc.array(
    fc.record({
      kind: fc.constantFrom<'write' | 'read'>('write', 'read'),
      value: fc.nat(3),
      gap: fc.integer({ min: 1, max: 20 }),
      before: fc.nat(10),
      after: fc.nat(10),
      known: fc.boolean(),
    }),
    { maxLength: 8 },
  ),
  { minLength: 1, maxLength: 4 },
);

/** What a real register would have answered had each operation happened at a point within its interval. */
function played(clients: readonly (readonly Plan[])[]): RegisterOperation[] {
  const points = clients.flatMap((calls, client) => {
    let atNs = client;
    return calls.map((call) => {
      atNs += call.before + call.gap * 4;
      const point = { ...call, atNs };
      atNs += call.after;
      return point;
    });
  });
  points.sort((a, b) => a.atNs - b.atNs);
  let held: string | null = null;
  return points.map(({ kind, value, atNs, before, after, known }) => {
    if (kind === 'write') held = value === 0 ? null : `v${value}`;
    const returnNs = known || kind === 'read' ? atNs + after : Number.POSITIVE_INFINITY;
    return { kind, value: held, callNs: atNs - before, returnNs };
  });
}

/** Tries every order: for small histories. */
function hasOrder(history: readonly RegisterOperation[], value: string | null = null): boolean {
  const required = history.filter(({ returnNs }) => returnNs !== Number.POSITIVE_INFINITY);
  if (required.length === 0) return true;
  const firstReturn = Math.min(...required.map(({ returnNs }) => returnNs));
  return history.some((operation, index) => {
    if (operation.callNs > firstReturn) return false;
    if (operation.kind === 'read' && operation.value !== value) return false;
    const rest = history.filter((_, other) => other !== index);
    return hasOrder(rest, operation.kind === 'write' ? operation.value : value);
  });
}

test('linearizability: a history played from a real register, unknown outcomes among it -> accepted', (t) => {
  fc.assert(fc.property(plans, (clients) => checkRegister(played(clients)).linearizable));
  t.pass();
});

test('linearizability: the same with answers changed -> the verdict of a search of every order', (t) => {
  let rejected = 0;
  fc.assert(
    fc.property(plans, fc.array(fc.tuple(fc.nat(7), fc.nat(3)), { maxLength: 3 }), (clients, changes) => {
      const history = played(clients.map((calls) => calls.slice(0, 3))).slice(0, 7);
      for (const [index, value] of changes) {
        const operation = history[index];
        if (operation?.kind === 'read') history[index] = { ...operation, value: value === 0 ? null : `v${value}` };
      }
      const { linearizable } = checkRegister(history);
      if (!linearizable) rejected++;
      return linearizable === hasOrder(history);
    }),
    { numRuns: 500 },
  );
  t.true(rejected > 20, `${rejected} were rejected`);
});

test('linearizability: a thousand operations of eight clients -> decided at once, a stale read among them found', (t) => {
  let state = 7;
  const next = (count: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % count;
  };
  const clients = Array.from({ length: 8 }, (_, client) =>
    Array.from({ length: 125 }, (_unused, i): Plan => {
      const kind = next(3) === 0 ? 'write' : 'read';
      return { kind, value: client * 1_000 + i + 1, gap: 1, before: next(20), after: next(20), known: next(20) > 0 };
    }),
  );
  const history = played(clients);
  const started = process.hrtime.bigint();
  t.true(checkRegister(history).linearizable);
  const stale = history.findLastIndex(({ kind }) => kind === 'read');
  history[stale] = { ...history[stale], value: history[stale - 500].value };
  t.false(checkRegister(history).linearizable);
  const tookMs = Number(process.hrtime.bigint() - started) / 1e6;
  t.log(`${history.length} operations twice in ${tookMs.toFixed(0)} ms`);
  t.true(tookMs < 5_000, `${tookMs} ms`);
});
