/**
 * The Unix socket by which commands reach the process that holds a data directory: `kvorum.sock` inside it. The kernel
 * limits such paths to about 100 bytes; where the absolute path is longer, the relative one is used, if it is shorter.
 */
import { join, relative } from 'node:path';

/** Longest path: every supported system takes 103 bytes, and the server needs 2 more while it makes the socket. */
const SOCKET_PATH_BYTES_MAX = 101;
const SOCKET_NAME = 'kvorum.sock';

/** The path to listen on or to connect to, or undefined where no spelling of it is short enough. */
export function socketPathOf(dataDirectory: string, workingDirectory: string = process.cwd()): string | undefined {
  const absolute = join(dataDirectory, SOCKET_NAME);
  const spellings = [absolute, relative(workingDirectory, absolute)];
  return spellings.find((path) => Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX);
}
