/** node-redis, which pipelines what is sent within one turn by itself; batches are explicit pipelines. */
import { createClient } from 'redis';
import type { Target } from '../harness/target.js';

const DATABASE = 2;

/** A connected client on its own logical database. */
export async function openNodeRedis(port: number): Promise<Target> {
  const client = createClient({ socket: { host: '127.0.0.1', port }, database: DATABASE });
  client.on('error', () => {}); // Without a listener a late socket error ends the process; calls reject by themselves.
  await client.connect();
  return {
    name: 'node-redis',
    get: (key) => client.get(key),
    put: (key, value) => client.set(key, value),
    getMany: (keys) => {
      const pipeline = client.multi();
      for (const key of keys) pipeline.get(key);
      return pipeline.execAsPipeline();
    },
    putMany: (pairs) => {
      const pipeline = client.multi();
      for (const [key, value] of pairs) pipeline.set(key, value);
      return pipeline.execAsPipeline();
    },
    close: async () => client.destroy(),
  };
}
