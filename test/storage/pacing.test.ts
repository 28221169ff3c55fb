/** Writes while a flush is under way: the room that is left lasts until it ends, however fast either of them is. */
import test from 'ava';
import fc from 'fast-check';
import { Pacing } from '../../src/storage/pacing.js';

const MB = 1_000_000;

/** A writer that would fill the room in no time, turn by turn, beside a flush of so many milliseconds; bytes written. */
function writeBeside(pacing: Pacing, { flushMs, bytes, room, turnBytes }: Record<string, number>): number {
  let written = 0;
  pacing.begin(0);
  for (let nowMs = 0; nowMs < flushMs; ) {
    pacing.write(nowMs, turnBytes, room - written, { progress: nowMs / flushMs, bytes });
    written += turnBytes;
    nowMs += Math.max(0.1, pacing.pauseMs);
  }
  pacing.end(flushMs, bytes);
  return written;
}

test('pacing: any flush, room and turn -> most of the room is used, and hardly more, by the time that it ends', (t) => {
  const flush = fc.record({
    flushMs: fc.integer({ min: 500, max: 10_000 }),
    bytes: fc.integer({ min: 5 * MB, max: 50 * MB }),
    room: fc.integer({ min: 10 * MB, max: 50 * MB }),
    // a turn that costs more than the longest pause is for the bound of the room to stop
    turnBytes: fc.integer({ min: 1_000, max: 4_000 }),
  });
  fc.assert(
    fc.property(flush, (one) => {
      const pacing = new Pacing();
      // the second flush begins with what the first has told
      writeBeside(pacing, one);
      const written = writeBeside(pacing, one);
      const possible = (one.flushMs / 0.1) * one.turnBytes;
      return written <= one.room * 1.05 && written >= Math.min(one.room * 0.6, possible * 0.5);
    }),
  );
  t.pass();
});

test('pacing: no room left, or none used -> the longest pause, or none', (t) => {
  const pacing = new Pacing();
  pacing.begin(0);
  pacing.write(1, 0, MB, { progress: 0.5, bytes: MB });
  t.is(pacing.pauseMs, 0);
  pacing.write(2, 1_000, 0, { progress: 0.5, bytes: MB });
  t.is(pacing.pauseMs, 10);
  pacing.write(100, 0, MB, { progress: 0.9, bytes: MB });
  t.is(pacing.pauseMs, 0);
});
