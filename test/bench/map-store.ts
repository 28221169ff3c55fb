/**
 * A store that keeps its pairs in a Map: stands in for a real one where a test is about the bench's own code. It can be
 * told to lie, so that a test can see the bench notice.
 */
import type { Key, NodeStats, Pair, Store, StoreStats, Value } from '../../src/client/types.js';
import { StoreError } from '../../src/core/errors.js';

export interface MapStoreOptions {
  /** Every `lieEvery`-th read answers something else; 0 never. */
  readonly lieEvery?: number;
  /** Every `refuseEvery`-th put is refused with KV_OVERLOADED; 0 never. */
  readonly refuseEvery?: number;
}

/** A Store over a Map. Only what the bench calls is there; the rest throws. */
export function openMapStore(options: MapStoreOptions = {}): Promise<Store> {
  const { lieEvery = 0, refuseEvery = 0 } = options;
  const pairs = new Map<string, Value>();
  let reads = 0;
  let writes = 0;
  const get = async (key: Key): Promise<Value | undefined> =>
    lieEvery > 0 && ++reads % lieEvery === 0 ? 'a lie' : pairs.get(String(key));
  const put = async (key: Key, value: Value) => {
    if (refuseEvery > 0 && ++writes % refuseEvery === 0) throw new StoreError('KV_OVERLOADED', 'full');
    pairs.set(String(key), value);
    return { replicas: 1, fallbacks: 0, durability: 'none' as const };
  };
  const known: Partial<Store> = {
    get,
    put,
    getMany: (keys: readonly Key[]) => Promise.all(keys.map((key) => get(key))),
    putMany: async (given: Iterable<readonly [Key, Value]>) => {
      for (const [key, value] of given) await put(key, value);
    },
    count: async () => pairs.size,
    stats: async () => statsOf(pairs),
    scan: () => scanOf(pairs),
    close: async () => {},
  };
  // The bench calls only the methods above; any other is undefined and throws where it is called.
  return Promise.resolve(known as unknown as Store);
}

const OVERHEAD_BYTES = 40;

function statsOf(pairs: ReadonlyMap<string, Value>): StoreStats {
  const hotBytes = [...pairs].reduce(
    (sum, [key, value]) => sum + key.length + String(value).length + OVERHEAD_BYTES,
    0,
  );
  const node: Partial<NodeStats> = {
    node: 0,
    up: true,
    hotEntries: pairs.size,
    hotBytes,
    logBytes: 0,
    refusedSends: 0,
  };
  // The bench reads only these counters.
  return { nodes: [node as NodeStats], client: { inFlight: 0, sharedReads: 0, messageReads: 0, lostRaces: 0 } };
}

async function* scanOf(pairs: ReadonlyMap<string, Value>): AsyncIterableIterator<Pair> {
  for (const [key, value] of pairs) yield { key, value };
}
