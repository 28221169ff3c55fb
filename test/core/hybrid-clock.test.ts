import test from 'ava';
import fc from 'fast-check';
import { CLOCK_EPOCH_MS, driftMs, logicalOf, observe, packClock, tick, wallMsOf } from '../../src/core/hybrid-clock.js';
import { clock } from '../../src/core/ids.js';

const walls = fc.integer({ min: CLOCK_EPOCH_MS, max: CLOCK_EPOCH_MS + 2 ** 41 - 2 });

test('hybrid clock: pack -> wall and logical come back, and the value is a safe integer', (t) => {
  fc.assert(
    fc.property(walls, fc.nat(4095), (wallMs, logical) => {
      const packed = packClock(wallMs, logical);
      t.true(Number.isSafeInteger(packed));
      t.is(wallMsOf(packed), wallMs);
      t.is(logicalOf(packed), logical);
    }),
  );
  t.is(Date.parse('2020-01-01T00:00:00Z'), CLOCK_EPOCH_MS);
});

test('hybrid clock: any last and wall -> tick is greater than last and not before the wall', (t) => {
  fc.assert(
    fc.property(walls, fc.nat(4095), walls, (lastMs, logical, wallMs) => {
      const last = packClock(lastMs, logical);
      const next = tick(last, wallMs);
      t.true(next > last);
      t.true(wallMsOf(next) >= wallMs);
      t.true(next === last + 1 || next === packClock(wallMs, 0));
    }),
  );
});

test('hybrid clock: any three -> observe is greater than both clocks and not before the wall', (t) => {
  fc.assert(
    fc.property(walls, walls, walls, (a, b, wallMs) => {
      const next = observe(packClock(a, 7), packClock(b, 9), wallMs);
      t.true(next > packClock(a, 7) && next > packClock(b, 9) && wallMsOf(next) >= wallMs);
    }),
  );
});

test('hybrid clock: 4096 ticks in one millisecond -> the next carries into the milliseconds', (t) => {
  const wallMs = CLOCK_EPOCH_MS + 1_000;
  let last = packClock(wallMs, 0);
  for (let step = 0; step < 4096; step++) last = tick(last, wallMs);
  t.is(wallMsOf(last), wallMs + 1);
  t.is(logicalOf(last), 0);
  t.is(driftMs(last, wallMs), 1);
});

test('hybrid clock: a wall before 2020 -> still moves on from the last clock', (t) => {
  t.is(tick(clock(0), 0), clock(1));
  t.is(tick(clock(9), CLOCK_EPOCH_MS - 5), clock(10));
});

test('hybrid clock: a wall with fractions -> whole milliseconds', (t) => {
  t.is(packClock(CLOCK_EPOCH_MS + 2.75, 1), packClock(CLOCK_EPOCH_MS + 2, 1));
});
