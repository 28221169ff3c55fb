import test from 'ava';
import fc from 'fast-check';
import { callerOf, RefusalNews } from '../../src/bridge/refusal-news.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** The refusals that were told, as `ms reason`, of attempts every so often. */
function told(reasonAt: (ms: number) => string, everyMs: number, untilMs: number): string[] {
  const news = new RefusalNews();
  const out: string[] = [];
  for (let ms = 0; ms < untilMs; ms += everyMs) {
    if (news.isNews('10.0.0.1:7400', reasonAt(ms), ms)) out.push(`${ms} ${reasonAt(ms)}`);
  }
  return out;
}

test('refusal news: one reason for hours -> told at once, and again each hour', (t) => {
  t.deepEqual(
    told(() => 'unreachable', 2_500, 2 * HOUR_MS + 1),
    ['0 unreachable', `${HOUR_MS} unreachable`, `${2 * HOUR_MS} unreachable`],
  );
});

test('refusal news: the reason changes, and changes back -> each change is told; twice a minute where they alternate', (t) => {
  const changes = (ms: number) => (ms < 5 * MINUTE_MS ? 'unreachable' : ms < 9 * MINUTE_MS ? 'options' : 'unreachable');
  t.deepEqual(told(changes, 5_000, 20 * MINUTE_MS), [
    '0 unreachable',
    `${5 * MINUTE_MS} options`,
    `${9 * MINUTE_MS} unreachable`,
  ]);
  const alternating = told((ms) => (ms % 2_000 === 0 ? 'unreachable' : 'timeout'), 1_000, 10 * MINUTE_MS);
  t.true(alternating.length >= 18 && alternating.length <= 20, `${alternating.length} in ten minutes`);
});

test('refusal news: there was a connection -> the same reason is told anew; other addresses are told of their own', (t) => {
  const news = new RefusalNews();
  t.true(news.isNews('a:1', 'silence', 0));
  t.false(news.isNews('a:1', 'silence', 10));
  t.true(news.isNews('b:1', 'silence', 10));
  news.linked('a:1');
  t.true(news.isNews('a:1', 'silence', 20));
  t.false(news.isNews('b:1', 'silence', 20));
});

test('refusal news: attempts from any addresses for any reasons -> 60 told in a minute at most', (t) => {
  const attempt = fc.record({ address: fc.nat(2_000), reason: fc.nat(3), afterMs: fc.nat(100) });
  fc.assert(
    fc.property(fc.array(attempt, { minLength: 500, maxLength: 1_500 }), (attempts) => {
      const news = new RefusalNews();
      let nowMs = 0;
      const toldMs: number[] = [];
      for (const { address, reason, afterMs } of attempts) {
        nowMs += afterMs;
        if (news.isNews(`host-${address}:1`, `reason ${reason}`, nowMs)) toldMs.push(nowMs);
      }
      // windows of a fixed minute: two of them meet in any 60 s
      t.true(toldMs.every((ms) => toldMs.filter((other) => other >= ms && other < ms + MINUTE_MS).length <= 120));
    }),
    { numRuns: 30 },
  );
});

test('refusal news: a caller is known by its machine, whatever its port is', (t) => {
  t.is(callerOf('10.0.0.1:51234'), '10.0.0.1');
  t.is(callerOf('[2001:db8::1]:51234'), '2001:db8::1');
  t.is(callerOf('unknown:0'), 'unknown');
});
