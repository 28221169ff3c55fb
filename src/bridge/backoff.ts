/** How long to wait before dialing again: full jitter (Brooker, "Exponential Backoff And Jitter", AWS 2015). */
import { REDIAL_BASE_MS, REDIAL_CAP_MS } from './limits.js';

const DOUBLINGS_MAX = 16;

/** `attempt` failed dials in a row, `random` in [0, 1), `capMs` the longest pause. */
export function redialDelayMs(attempt: number, random: number, capMs = REDIAL_CAP_MS): number {
  return random * Math.min(capMs, REDIAL_BASE_MS * 2 ** Math.min(attempt, DOUBLINGS_MAX));
}

/** Before a host that refused is asked again: slowly, since somebody has to change something first. */
export const afterRefusalMs = (random: number, capMs = REDIAL_CAP_MS): number => capMs * (0.5 + random / 2);
