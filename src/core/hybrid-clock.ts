/**
 * Hybrid logical clock: wall time that never goes back and orders what it has seen, in one safe integer.
 *
 *   clock = (milliseconds since 2020-01-01T00:00Z) * 4096 + logical       41 + 12 bits, good until 2089
 *
 * A logical part that overflows carries into the milliseconds, so a burst runs ahead of the wall instead of wrapping.
 * Kulkarni, Demirbas, Madappa, Avva, Leone, "Logical Physical Clocks", OPODIS 2014, section 3.
 */
import type { Clock } from './ids.js';

/** 2020-01-01T00:00Z in milliseconds since 1970: where clocks start. */
export const CLOCK_EPOCH_MS = 1_577_836_800_000;
/** Logical steps within one millisecond. */
export const CLOCK_LOGICAL_COUNT = 4_096;

/** The clock of `wallMs` (since 1970; before 2020 counts as 2020) with `logical` in 0..4095. */
export function packClock(wallMs: number, logical: number): Clock {
  const sinceEpochMs = Math.floor(wallMs) - CLOCK_EPOCH_MS;
  return ((sinceEpochMs > 0 ? sinceEpochMs * CLOCK_LOGICAL_COUNT : 0) + logical) as Clock;
}

/** The wall part of a clock in milliseconds since 1970. */
export function wallMsOf(clock: Clock): number {
  return Math.floor(clock / CLOCK_LOGICAL_COUNT) + CLOCK_EPOCH_MS;
}

/** The logical part of a clock, 0..4095. */
export function logicalOf(clock: Clock): number {
  return clock % CLOCK_LOGICAL_COUNT;
}

/** The clock of a local event: greater than `last`, not before `wallMs` (since 1970). */
export function tick(last: Clock, wallMs: number): Clock {
  const wall = packClock(wallMs, 0);
  return wall > last ? wall : ((last + 1) as Clock);
}

/** The clock after hearing of `seen`: greater than it and than `last`, not before `wallMs` (since 1970). */
export function observe(last: Clock, seen: Clock, wallMs: number): Clock {
  return tick(seen > last ? seen : last, wallMs);
}

/** How far a clock is ahead of `wallMs` (since 1970), in milliseconds; negative where it is behind. */
export function driftMs(clock: Clock, wallMs: number): number {
  return wallMsOf(clock) - Math.floor(wallMs);
}
