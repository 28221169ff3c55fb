/**
 * ioredis with auto-pipelining, and its batches as pipelines (one command a pair) or as one MGET or MSET.
 */
import { Redis } from 'ioredis';
import type { Target } from '../harness/target.js';

/** A connected client on its own logical database; `batches` says what a batch of pairs becomes. */
export async function openIoredis(port: number, batches: 'pipeline' | 'multi-key'): Promise<Target> {
  const database = batches === 'pipeline' ? 0 : 1;
  const client = new Redis({ host: '127.0.0.1', port, db: database, enableAutoPipelining: true });
  await client.ping();
  const base = {
    get: (key: string) => client.get(key),
    put: (key: string, value: string) => client.set(key, value),
    close: async () => client.disconnect(),
  };
  if (batches === 'multi-key') {
    return {
      ...base,
      name: 'ioredis-multi-key',
      getMany: (keys) => client.mget([...keys]),
      putMany: (pairs) => client.mset(pairs.flat()),
    };
  }
  return {
    ...base,
    name: 'ioredis',
    getMany: async (keys) => {
      const pipeline = client.pipeline();
      for (const key of keys) pipeline.get(key);
      return resultsOf(await pipeline.exec());
    },
    putMany: async (pairs) => {
      const pipeline = client.pipeline();
      for (const [key, value] of pairs) pipeline.set(key, value);
      resultsOf(await pipeline.exec());
    },
  };
}

function resultsOf(replies: readonly [error: Error | null, result: unknown][] | null): unknown[] {
  if (replies === null) throw new Error('ioredis: the pipeline was discarded');
  return replies.map(([error, result]) => {
    if (error !== null) throw error;
    return result;
  });
}
