/**
 * Ends the nodes of a store in one process again and again, in every way there is, while writes and flushes are under
 * way, and keeps account of what was acknowledged. Used by the normal suite with a few deaths and by test/long with many.
 */
import { existsSync, readdirSync } from 'node:fs';
import { hostOf } from '../../src/client/open.js';
import type { Store } from '../../src/index.js';
import { StoreError } from '../../src/index.js';
import { until } from '../client/store-fixture.js';

export type Way = 'throw' | 'terminate' | 'heap' | 'leak';

/** What an endless allocation ends: on Node.js 24 now and then the process, a bare worker's too. There a leak takes its place. */
const MAJOR = Number(process.versions.node.split('.')[0]);
export const OUT_OF_HEAP: 'heap' | 'leak' = MAJOR < 24 ? 'heap' : 'leak';

/** In turn; the out-of-heap one is the slowest. */
export const WAYS: readonly Way[] = [
  'throw',
  'terminate',
  'terminate',
  'throw',
  OUT_OF_HEAP,
  'terminate',
  'throw',
  'terminate',
  'throw',
];

export interface DeathReport {
  readonly deaths: Readonly<Record<Way, number>>;
  readonly acknowledged: number;
  readonly failed: Readonly<Record<string, number>>;
  /** Acknowledged writes that a read did not show; must be empty. */
  readonly lost: readonly string[];
  /** Failures that are no retryable StoreError; must be empty. */
  readonly strange: readonly string[];
  readonly longestMs: number;
  readonly flushes: number;
  readonly missedWakeUps: number;
  readonly downs: number;
  readonly ups: number;
}

export const DEADLINE_MS = 3_000;
const WRITERS = 24;
/** Values are padded to this many bytes, so that flushes run all the time in little memory. */
const VALUE_BYTES = 1_500;
const KEYS_PER_WRITER = 40;

/** Writes of its own keys, one at a time, with rising numbers: what may be read afterwards is known exactly. */
class Writer {
  readonly acknowledged = new Map<string, number>();
  readonly attempted = new Map<string, number>();
  count = 0;
  longestMs = 0;
  readonly failed: Record<string, number> = {};
  readonly strange: string[] = [];

  async run(store: Store, name: number, goesOn: () => boolean): Promise<void> {
    for (let number = 1; goesOn(); number++) {
      const key = `writer-${name}-${number % KEYS_PER_WRITER}`;
      const beganMs = performance.now();
      this.attempted.set(key, number);
      try {
        await store.put(key, `${number} `.padEnd(VALUE_BYTES, 'x'), { deadlineMs: DEADLINE_MS });
        this.acknowledged.set(key, number);
        this.count++;
      } catch (error) {
        this.#failed(error);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      this.longestMs = Math.max(this.longestMs, performance.now() - beganMs);
    }
  }

  #failed(error: unknown): void {
    const code = error instanceof StoreError && error.retryable ? error.code : undefined;
    if (code === undefined) this.strange.push(String(error));
    else this.failed[code] = (this.failed[code] ?? 0) + 1;
  }

  async lost(store: Store): Promise<string[]> {
    const lost: string[] = [];
    for (const [key, number] of this.acknowledged) {
      const read = Number.parseInt(String(await store.get(key)), 10);
      if (!(read >= number && read <= (this.attempted.get(key) as number))) lost.push(`${key}: ${read}, not ${number}`);
    }
    return lost;
  }
}

/** Ends one node in this way and waits until it serves again. */
export async function endNode(store: Store, node: number, way: Way): Promise<void> {
  const supervisor = hostOf(store).supervisor(node);
  const { incarnation } = supervisor;
  if (way === 'terminate') await supervisor.terminate();
  else supervisor.link?.fail(way).catch(() => undefined);
  const member = () => store.members().find((candidate) => candidate.node === node);
  // a member that leaves the ring meanwhile may never come back
  await until(() => member() === undefined || (supervisor.incarnation > incarnation && member()?.state === 'up'));
}

/** Ends nodes `count` times, and looks at what is left. The store stays open. */
export async function sufferDeaths(
  store: Store,
  count: number,
  onDeath?: (index: number) => void,
): Promise<DeathReport> {
  const nodes = store.members().length;
  const deaths: Record<Way, number> = { throw: 0, terminate: 0, heap: 0, leak: 0 };
  let downs = 0;
  let ups = 0;
  store.on('node-down', () => downs++);
  store.on('node-up', () => ups++);
  let done = false;
  const writers = Array.from({ length: WRITERS }, () => new Writer());
  const writing = writers.map((writer, name) => writer.run(store, name, () => !done));
  for (let index = 0; index < count; index++) {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 30));
    const way = WAYS[index % WAYS.length];
    await endNode(store, index % nodes, way);
    deaths[way]++;
    onDeath?.(index);
  }
  done = true;
  await Promise.all(writing);
  const lost: string[] = [];
  const failed: Record<string, number> = {};
  for (const writer of writers) {
    lost.push(...(await writer.lost(store)));
    for (const [code, times] of Object.entries(writer.failed)) failed[code] = (failed[code] ?? 0) + times;
  }
  const { nodes: counted } = await store.stats();
  return {
    deaths,
    acknowledged: writers.reduce((sum, { count: written }) => sum + written, 0),
    failed,
    lost,
    strange: writers.flatMap(({ strange }) => strange),
    longestMs: Math.round(Math.max(...writers.map(({ longestMs }) => longestMs))),
    flushes: counted.reduce((sum, { flushes }) => sum + flushes, 0),
    missedWakeUps: counted.reduce((sum, { missedWakeUps }) => sum + missedWakeUps, 0),
    downs,
    ups,
  };
}

/** Open files of this process, where the system tells; else 0. */
export function openFiles(): number {
  return existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0;
}
