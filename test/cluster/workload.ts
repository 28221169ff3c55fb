/**
 * A mixed load on all hosts of a cluster, and its history: each key has one writer, everybody reads. A call that the driver
 * gave up on, or whose host ended, has an unknown outcome; so has a write that failed where it may have happened.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { HistoryEntry } from '../../src/sim/history.js';
import type { Random } from '../../src/sim/random.js';
import { HostError, type HostHandle } from './host-handle.js';

export const DEADLINE_MS = 4_000;
/** A host that is stopped answers late: the driver gives up on it, and asks another one. */
const GIVE_UP_MS = DEADLINE_MS + 3_000;
const LANES = 8;
const KEYS_PER_LANE = 12;
const PAUSE_MS_MAX = 10;
/** Nothing was done. */
const REFUSALS: readonly string[] = ['KV_UNAVAILABLE', 'KV_OVERLOADED', 'KV_STALE_EPOCH'];

export interface Outcomes {
  acknowledged: number;
  unknown: number;
  refused: number;
  reads: number;
  failedReads: number;
}

export class Workload {
  readonly history: HistoryEntry[] = [];
  readonly outcomes: Outcomes = { acknowledged: 0, unknown: 0, refused: 0, reads: 0, failedReads: 0 };
  readonly failures: Record<string, number> = {};
  /** Milliseconds that the longest call of a host that was neither stopped nor killed took. */
  longestMs = 0;
  readonly #hosts: readonly HostHandle[];
  readonly #random: Random;
  readonly #lastWrite = new Map<string, { value: string | null; isKnown: boolean }>();
  #isOver = true;
  #running: Promise<unknown> = Promise.resolve();
  #counter = 0;

  constructor(hosts: readonly HostHandle[], random: Random) {
    this.#hosts = hosts;
    this.#random = random;
  }

  start(): void {
    this.#isOver = false;
    this.#running = Promise.all(Array.from({ length: LANES }, (_, lane) => this.#lane(lane)));
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  get keys(): string[] {
    return [...this.#lastWrite.keys()];
  }

  async #lane(lane: number): Promise<void> {
    while (!this.#isOver) {
      const usable = this.#hosts.filter((host) => host.isOpen && !host.isStopped && !host.isLeaving);
      if (usable.length > 0) await this.#step(lane, this.#random.pick(usable));
      await sleep(this.#random.below(PAUSE_MS_MAX + 1));
    }
  }

  async #step(lane: number, host: HostHandle): Promise<void> {
    const dice = this.#random.below(100);
    const key = (of: number) => `${of}-${this.#random.below(KEYS_PER_LANE)}`;
    if (dice < 45) await this.#write(lane, host, key(lane));
    else await this.read(lane, host, key(this.#random.below(LANES)));
  }

  async #write(lane: number, host: HostHandle, key: string): Promise<void> {
    const isDelete = this.#random.chance(0.1);
    const value = isDelete ? undefined : `${++this.#counter} `.padEnd(this.#random.below(2_000), '.');
    const callNs = nowNs();
    const options = { deadlineMs: DEADLINE_MS };
    const call = value === undefined ? host.ask('delete', { key, options }) : host.ask('put', { key, value, options });
    const common = {
      client: lane,
      key,
      callNs,
      ...(value === undefined ? { operation: 'delete' as const } : { operation: 'put' as const, argument: value }),
    };
    try {
      await this.#within(host, call);
      this.outcomes.acknowledged++;
      this.history.push({ ...common, outcome: 'ok', returnNs: nowNs() });
      this.#lastWrite.set(key, { value: value ?? null, isKnown: true });
    } catch (error) {
      const code = this.#count(error);
      const isRefused = REFUSALS.includes(code);
      if (isRefused) this.outcomes.refused++;
      else this.outcomes.unknown++;
      this.history.push({ ...common, outcome: isRefused ? 'failed' : 'unknown' });
      if (!isRefused) this.#lastWrite.set(key, { value: value ?? null, isKnown: false });
    }
  }

  /** What the key shows; undefined where the read failed. */
  async read(client: number | string, host: HostHandle, key: string): Promise<string | null | undefined> {
    const callNs = nowNs();
    try {
      const result = (await this.#within(host, host.ask('get', { key, options: { deadlineMs: DEADLINE_MS } }))) as
        | string
        | null;
      this.outcomes.reads++;
      this.history.push({ client, operation: 'get', key, outcome: 'ok', result, callNs, returnNs: nowNs() });
      return result;
    } catch (error) {
      this.#count(error);
      this.outcomes.failedReads++;
      return undefined;
    }
  }

  #count(error: unknown): string {
    const code = error instanceof HostError ? error.code : 'gone';
    this.failures[code] = (this.failures[code] ?? 0) + 1;
    return code;
  }

  /** The call, or a failure after the time by which it should long have ended. */
  async #within(host: HostHandle, call: Promise<unknown>): Promise<unknown> {
    const beganMs = performance.now();
    call.catch(() => undefined);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${host.name} does not answer`)), GIVE_UP_MS);
    });
    let wasStopped = host.isStopped;
    try {
      return await Promise.race([call, late]);
    } finally {
      clearTimeout(timer);
      wasStopped ||= host.isStopped || !host.isOpen;
      if (!wasStopped) this.longestMs = Math.max(this.longestMs, performance.now() - beganMs);
    }
  }
}

const nowNs = (): number => Number(process.hrtime.bigint());
