/** An event and its listener, as a program gives them. */
import { StoreError } from '../core/errors.js';
import { didYouMean } from '../core/nearest-name.js';
import { invalidOption } from '../core/option-check.js';
import { EVENTS } from '../host/reports.js';

/** @throws StoreError KV_INVALID_OPTION for a name that no event has, or a listener that is no function */
export function checkEvent(name: unknown, listener: unknown): void {
  if (typeof listener !== 'function') throw invalidOption('listener', 'a listener must be a function');
  if (typeof name === 'string' && Object.hasOwn(EVENTS, name)) return;
  const hint = didYouMean(String(name), Object.keys(EVENTS)) || '; see the list of events in the README';
  throw new StoreError('KV_INVALID_OPTION', `there is no event '${String(name)}'${hint}`, { option: 'event' });
}
