/** A server of an earlier version: it knows no records of one instant, no exact values, no details of errors and no drain. */
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { serveResp } from '../../src/server/resp-server.js';
import type { FakeStore } from '../server/fake-store.js';

export const OLDER_VERSION = '0.0.9';

const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`;
const hello = (version: string) =>
  `*14\r\n${['server', 'kvorum', 'version', version].map(bulk).join('')}${bulk('proto')}:2\r\n` +
  `${bulk('id')}:1\r\n${['mode', 'standalone', 'role', 'master', 'modules'].map(bulk).join('')}*0\r\n`;

/** Stands between the client and a server of today, and answers in its place what an older one would answer otherwise. */
export async function serveOlder(
  t: ExecutionContext,
  store: FakeStore,
  folder: string,
  version = OLDER_VERSION,
): Promise<string> {
  const today = join(folder, 'today.sock');
  const server = await serveResp(store, { socketPath: today, dataPath: '/data' });
  t.teardown(() => server.close());
  const proxy = createServer((client) => {
    const upstream = connect(today);
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ]) {
      socket.on('error', () => undefined).on('close', () => other.destroy());
    }
    upstream.pipe(client);
    // one command is under way at a time, and small: it comes as one chunk
    client.on('data', (chunk) => {
      const command = chunk.toString('latin1');
      if (command.includes('HELLO')) client.write(hello(version));
      else if (command.includes('"instant"')) {
        client.write('-KV_INVALID_OPTION unknown field "instant"; known are partition, afterBase64, r\r\n');
      } else if (command.includes('"exact"')) {
        client.write(
          '-KV_INVALID_OPTION unknown field "exact"; known are prefix, gt, gte, lt, lte, reverse, limit\r\n',
        );
      } else if (command.includes('DRAIN')) client.write("-ERR unknown subcommand 'drain' of 'kvorum'\r\n");
      else if (command.includes('ERRORS')) client.write("-ERR unknown subcommand 'ERRORS' of 'kvorum'\r\n");
      else upstream.write(chunk);
    });
  });
  const path = join(folder, 'older.sock');
  await new Promise<void>((resolve) => proxy.listen(path, resolve));
  t.teardown(() => void proxy.close());
  return path;
}
