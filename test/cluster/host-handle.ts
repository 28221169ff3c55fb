/** The driver's end of a host process: asks, waits, and does to it what befalls processes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { OpenStoreOptions } from '../../src/index.js';
import type { Answer, Look, Order } from './orders.js';

const PROGRAM = fileURLToPath(new URL('./host-process.js', import.meta.url));

/** The host cannot be asked any more: what it was asked may have happened. */
export class HostGone extends Error {}

/** It answered with an error of the store. */
export class HostError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

interface Waiter {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

type Args<What extends Order['what']> = Extract<Order, { what: What }>['args'];

export class HostHandle {
  readonly name: string;
  readonly events: string[] = [];
  readonly #prefix: readonly string[];
  readonly #waiting = new Map<number, Waiter>();
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #nextId = 1;
  isStopped = false;
  isOpen = false;
  /** It is about to be closed: nobody should ask it anything more. */
  isLeaving = false;

  /** `prefix`: a command that runs the process elsewhere, such as in a network namespace. */
  constructor(name: string, prefix: readonly string[] = []) {
    this.name = name;
    this.#prefix = prefix;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts the process and opens its store. */
  async start(options: OpenStoreOptions): Promise<void> {
    const [command, ...args] = [...this.#prefix, process.execPath, PROGRAM];
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], serialization: 'advanced' });
    this.#child = child;
    this.isStopped = false;
    this.isLeaving = false;
    child.on('message', (message: Answer | { event: string; detail: unknown }) => {
      if ('event' in message) this.events.push(`${message.event} ${JSON.stringify(message.detail)}`);
      else this.#settle(message);
    });
    child.on('error', () => undefined);
    this.#exited = new Promise((resolve) => {
      child.once('exit', () => {
        if (this.#child === child) this.#child = undefined;
        this.isOpen = false;
        for (const { reject } of this.#waiting.values()) reject(new HostGone(`${this.name} has ended`));
        this.#waiting.clear();
        resolve();
      });
    });
    await this.ask('open', { options });
    this.isOpen = true;
  }

  #settle({ id, value, error }: Answer): void {
    const waiter = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiter?.resolve(value);
    else waiter?.reject(new HostError(error.code, error.message));
  }

  /** @throws HostError, HostGone */
  ask<What extends Order['what']>(what: What, args: Args<What>): Promise<unknown> {
    const child = this.#child;
    if (child === undefined || !child.connected) return Promise.reject(new HostGone(`${this.name} does not run`));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      child.send({ id, what, args }, (error) => {
        if (error === null || !this.#waiting.delete(id)) return;
        reject(new HostGone(`${this.name}: ${error.message}`));
      });
    });
  }

  async look(): Promise<Look> {
    return (await this.ask('look', {})) as Look;
  }

  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#exited;
  }

  stop(): void {
    this.isStopped = true;
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.isStopped = false;
    this.#child?.kill('SIGCONT');
  }

  /** Closes the store and ends the process. */
  async close(): Promise<void> {
    if (this.#child === undefined) return;
    if (this.isStopped) this.resume();
    const timer = setTimeout(() => void this.kill(), 30_000);
    await this.ask('close', {}).catch(() => undefined);
    await this.#exited;
    clearTimeout(timer);
  }
}
