/**
 * A Unix socket that only its owner may connect to, at no instant otherwise.
 *
 * The server binds inside a new folder of mode 0700, sets the socket's mode to 0600, and renames it to its place; a
 * process-wide umask would also touch files that other threads make, and worker threads may not set it.
 */
import { chmod, lstat, mkdtemp, rename, rm } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { StoreError } from '../core/errors.js';

/** Longest path of a socket in bytes on the systems that Node.js runs on. */
const PATH_BYTES_MAX = 103;

/**
 * Makes the server listen at `path`; a socket that nobody serves any more is replaced.
 * @throws StoreError KV_IN_USE when somebody answers there, KV_PATH when it is no socket or cannot be made
 */
export async function listenAtPath(server: Server, path: string): Promise<void> {
  const folder = dirname(path);
  if (Buffer.byteLength(path) > PATH_BYTES_MAX || Buffer.byteLength(folder) > PATH_BYTES_MAX - 13) {
    throw new StoreError('KV_PATH', `a socket's path may have about ${PATH_BYTES_MAX - 13} bytes: ${path}`, { path });
  }
  await assertFree(path);
  let temporary: string | undefined;
  try {
    temporary = await mkdtemp(join(folder, '.kv'));
    const inside = join(temporary, 's');
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(inside, () => {
        server.removeListener('error', reject);
        resolve();
      });
    });
    await chmod(inside, 0o600);
    await rename(inside, path);
  } catch (thrown) {
    server.close();
    throw new StoreError('KV_PATH', `cannot listen at ${path}: ${(thrown as Error).message}`, { path }, thrown);
  } finally {
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
  }
}

/** Removes the socket of a server that was closed. */
export async function removeSocket(path: string): Promise<void> {
  await rm(path, { force: true });
}

async function assertFree(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket()) throw new StoreError('KV_PATH', `${path} exists and is not a socket`, { path });
  if (await answers(path)) throw new StoreError('KV_IN_USE', `another process serves ${basename(path)}`, { path });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const settle = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', (error: NodeJS.ErrnoException) =>
      settle(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'),
    );
  });
}
