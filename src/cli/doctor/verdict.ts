/** What a check says: ok, a warning, or that something fails; and a sentence with what was found and what to do. */
import type { Facts } from './facts.js';

export type State = 'ok' | 'warn' | 'fail';

export interface Verdict {
  readonly state: State;
  readonly message: string;
}

/** Undefined where the check has nothing to look at. */
export type Check = (facts: Facts) => Verdict | undefined;

export const ok = (message: string): Verdict => ({ state: 'ok', message });
export const warn = (message: string): Verdict => ({ state: 'warn', message });
export const fail = (message: string): Verdict => ({ state: 'fail', message });
