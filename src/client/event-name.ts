/** The name of an event, as a program gives it. */
import { StoreError } from '../core/errors.js';
import { didYouMean } from '../core/nearest-name.js';
import { EVENTS } from '../host/reports.js';

/** @throws StoreError KV_INVALID_OPTION for a name that no event has */
export function checkEvent(name: unknown): void {
  if (typeof name === 'string' && Object.hasOwn(EVENTS, name)) return;
  const hint = didYouMean(String(name), Object.keys(EVENTS)) || '; see the list of events in the README';
  throw new StoreError('KV_INVALID_OPTION', `there is no event '${String(name)}'${hint}`, { option: 'event' });
}
