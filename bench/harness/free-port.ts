/**
 * A port of loopback that nobody uses, for a server that is started next. It lies below those that systems give to
 * outgoing connections: one of these could take it before the server does. Each process draws from a block of its own, and
 * no port twice before it has been through the block, so that those it has drawn stay free until their servers listen.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';

const FIRST = 20_000;
const BLOCKS = 60;
const BLOCK_PORTS = 200;
const ATTEMPTS = 100;

const first = FIRST + (process.pid % BLOCKS) * BLOCK_PORTS;
let drawn = Math.floor(Math.random() * BLOCK_PORTS);

/** @throws Error where a hundred ports in a row are all in use */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = first + (drawn++ % BLOCK_PORTS);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port of loopback among ${ATTEMPTS} from ${first} on`);
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
