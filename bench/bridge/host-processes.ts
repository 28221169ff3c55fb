/** Three hosts on loopback as processes, each replica of a key on another: what the bridge suite measures. */

import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { OpenStoreOptions } from '../../src/index.js';
import { freePort } from '../harness/free-port.js';
import type { HostOrderWithoutId, HostReply } from './orders.js';

const CHILD = fileURLToPath(new URL('./host-child.js', import.meta.url));
const HOSTS = 3;
const NODES = 3;
const READY_MS_MAX = 60_000;

class HostProcess {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #next = 0;

  constructor() {
    this.#child = fork(CHILD, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.#child.on('message', ({ id, value, error }: HostReply) => {
      const waiter = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiter?.resolve(value);
      else waiter?.reject(new Error(error));
    });
    this.#child.on('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('a host process has ended'));
    });
  }

  ask(order: HostOrderWithoutId): Promise<unknown> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ ...order, id });
    });
  }

  async kill(): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await gone;
  }
}

export class HostProcesses {
  readonly hosts: HostProcess[] = [];
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Opens them one after the other, and fills them. `security`: options of all hosts. */
  async open(security: (host: string) => OpenStoreOptions): Promise<void> {
    let first = '';
    for (let i = 0; i < HOSTS; i++) {
      const listen = `127.0.0.1:${await freePort()}`;
      first ||= listen;
      const hostId = `host-${i}`;
      const path = join(this.#folder, hostId);
      mkdirSync(path, { recursive: true });
      const host = new HostProcess();
      this.hosts.push(host);
      const sizes = { nodes: NODES, n: 3, r: 2, w: 2, partitions: 64, memoryBytes: 96 * 2 ** 20 };
      await host.ask({ what: 'open', options: { ...sizes, path, listen, hostId, seeds: first, ...security(hostId) } });
      await this.#ready();
    }
    await this.hosts[0].ask({ what: 'change', change: { kind: 'failure-domain', failureDomain: 'host' } });
    await this.#ready();
    await this.hosts[0].ask({ what: 'fill' });
  }

  async #ready(): Promise<void> {
    const endMs = performance.now() + READY_MS_MAX;
    for (;;) {
      const looks = (await Promise.all(this.hosts.map((host) => host.ask({ what: 'look' })))) as {
        up: number;
        isMoving: boolean;
      }[];
      if (looks.every(({ up, isMoving }) => up === this.hosts.length * NODES && !isMoving)) return;
      if (performance.now() > endMs) throw new Error('the hosts did not become one cluster in a minute');
      await sleep(50);
    }
  }

  async close(): Promise<void> {
    for (const host of this.hosts) await host.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
