/** What a store tells of damage that it found, for tests of what is damaged. */
import type { Store, StoreEvents } from '../../src/index.js';

export interface Told<Name extends keyof StoreEvents> {
  readonly damages: StoreEvents[Name][];
  readonly errors: StoreEvents['storage-error'][];
  readonly lost: StoreEvents['writes-may-be-lost'][];
}

/** Notes from now on what is told; `name`: the event of the damage. */
export function listen<Name extends 'log-damaged' | 'base-damaged'>(store: Store, name: Name): Told<Name> {
  const told: Told<Name> = { damages: [], errors: [], lost: [] };
  store.on(name, (detail) => told.damages.push(detail));
  store.on('storage-error', (detail) => told.errors.push(detail));
  store.on('writes-may-be-lost', (detail) => told.lost.push(detail));
  return told;
}
