/**
 * A redis-server of the bench's own: no persistence, bound to loopback on a free port, in a temporary folder, stopped
 * by its process id. Where the program is not installed, `startRedis` answers undefined and the peers are named as
 * skipped.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../harness/free-port.js';

export interface RedisServer {
  readonly port: number;
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 5_000;

/** Starts a server and waits until it accepts connections; undefined where redis-server is not installed. */
export async function startRedis(): Promise<RedisServer | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'kvorum-bench-redis-'));
  const port = await freePort();
  const flags = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder];
  const child = spawn('redis-server', flags, { stdio: 'ignore' });
  const started = await Promise.race([accepts(child, port), once(child, 'error').then(() => false)]);
  if (!started) {
    await rm(folder, { recursive: true, force: true });
    return undefined;
  }
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
    }
    await rm(folder, { recursive: true, force: true });
  };
  return { port, stop };
}

async function accepts(child: ChildProcess, port: number): Promise<boolean> {
  const endMs = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < endMs && child.exitCode === null) {
    if (await canConnect(port)) return true;
    await sleep(20);
  }
  child.kill('SIGKILL');
  throw new Error('redis-server was started but accepts no connections');
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.end());
  });
}
