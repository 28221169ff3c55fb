/**
 * A port of loopback that nobody uses, for a server that is started next. It lies below those that systems give to
 * outgoing connections: one of these could take it before the server does.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';

const FIRST = 20_000;
const COUNT = 12_000;
const ATTEMPTS = 100;

/** @throws Error where a hundred ports drawn at random are all in use */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port of loopback among ${ATTEMPTS} from ${FIRST} on`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
