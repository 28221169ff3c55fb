/** A plain Map on the caller's thread: the ceiling, with no replica, no log and no other thread. */
import type { Target } from '../harness/target.js';

export function openMap(): Target {
  const map = new Map<string, string>();
  return {
    name: 'map',
    get: (key) => map.get(key),
    put: (key, value) => void map.set(key, value),
    getMany: (keys) => keys.map((key) => map.get(key)),
    putMany: (pairs) => {
      for (const [key, value] of pairs) map.set(key, value);
    },
    close: async () => map.clear(),
  };
}
