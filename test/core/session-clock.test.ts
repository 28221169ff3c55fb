/** A caller's clock: what it writes later is newer, whatever became of what it wrote before. */
import test from 'ava';
import fc from 'fast-check';
import { packClock, tick, wallMsOf } from '../../src/core/hybrid-clock.js';
import type { Clock } from '../../src/core/ids.js';
import { SessionClock } from '../../src/core/session-clock.js';

const WALL_MS = 1_750_000_000_000;
const DRIFT_MAX_MS = 60_000;

test('session clock: any coordinators, each with a clock of its own -> a later write is newer than all that were given up', (t) => {
  const step = fc.record({
    skewMs: fc.integer({ min: -5_000, max: 5_000 }),
    passedMs: fc.nat(3_000),
    deadlineMs: fc.integer({ min: 1, max: 4_000 }),
    isLost: fc.boolean(),
  });
  const property = fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
    const session = new SessionClock(DRIFT_MAX_MS);
    let wallMs = WALL_MS;
    let newest = 0;
    for (const { skewMs, passedMs, deadlineMs, isLost } of steps) {
      wallMs += passedMs;
      const latest = session.latest(wallMs, deadlineMs);
      const own = tick(0 as Clock, wallMs + skewMs);
      const clock = own > session.callerClock ? own : ((session.callerClock + 1) as Clock);
      if (wallMsOf(clock) > latest) {
        session.refused(own, wallMs);
        // the same coordinator takes the next one
        if (session.latest(wallMs, deadlineMs) < wallMsOf(own)) return false;
        continue;
      }
      if (clock <= newest) return false;
      // one that is given up may get any clock up to its latest
      newest = isLost ? packClock(latest, 4_095) : clock;
      if (isLost) session.gaveUp(latest);
      else session.heard(clock);
    }
    return true;
  });
  fc.assert(property);
  t.pass();
});

test('session clock: a write that was given up behind its latest -> the clock is not ahead of the wall', (t) => {
  const session = new SessionClock(DRIFT_MAX_MS);
  const latest = session.latest(WALL_MS, 4_000);
  t.is(latest, WALL_MS + 2_000);
  session.gaveUp(latest);
  t.true(session.callerClock < packClock(latest + 1, 0));
  t.is(tick(session.callerClock, latest + 1), packClock(latest + 1, 0));
});

test('session clock: writes given up one after another -> no further ahead than half of the drift; the wall catches up', (t) => {
  const session = new SessionClock(DRIFT_MAX_MS);
  for (let write = 0; write < 100_000; write++) session.gaveUp(session.latest(WALL_MS, 3_600_000));
  t.is(wallMsOf(session.callerClock), WALL_MS + DRIFT_MAX_MS / 2);
  const next = (session.callerClock + 1) as Clock;
  t.true(session.latest(WALL_MS, 4_000) < wallMsOf(next));
  t.is(session.latest(WALL_MS + 1, 4_000), wallMsOf(next));
});

test('session clock: an older clock -> changes nothing', (t) => {
  const session = new SessionClock(DRIFT_MAX_MS);
  session.heard(packClock(WALL_MS, 7));
  session.heard(packClock(WALL_MS, 6));
  session.heard(0 as Clock);
  t.is(session.callerClock, packClock(WALL_MS, 7));
});
