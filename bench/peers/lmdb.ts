/**
 * lmdb alone: asynchronous puts (one transaction for all puts of an event turn) and its synchronous gets.
 *
 * `durable` waits for the disk: `each` makes one durable transaction of every put, `grouped` lets the puts of a turn
 * share one.
 */
import { open } from 'lmdb';
import type { KeyValue, Target } from '../harness/target.js';

export type LmdbDurability = 'none' | 'each' | 'grouped';

/** An environment of its own in `folder`. */
export function openLmdb(folder: string, durable: LmdbDurability): Target {
  const environment = open<string, string>({
    path: folder,
    encoding: 'string',
    overlappingSync: durable === 'none',
  });
  const put =
    durable === 'each'
      ? (key: string, value: string) => environment.putSync(key, value)
      : (key: string, value: string) => environment.put(key, value);
  return {
    name: { none: 'lmdb', each: 'lmdb', grouped: 'lmdb-grouped' }[durable],
    get: (key) => environment.get(key),
    put,
    getMany: (keys) => environment.getMany([...keys]),
    putMany: (pairs) => putAll(pairs, (key, value) => environment.put(key, value)),
    close: () => environment.close(),
  };
}

/** Puts of one turn share one transaction, so the last promise settles with all of them. */
function putAll(pairs: readonly KeyValue[], put: (key: string, value: string) => Promise<boolean>): Promise<boolean> {
  let last = Promise.resolve(true);
  for (const [key, value] of pairs) last = put(key, value);
  return last;
}
