/**
 * What the examples share: a data directory that disappears afterwards, and a summary of what they did.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Runs the work with a new data directory in the temporary folder, and removes it, whatever happens. */
export async function withTemporaryDirectory<Result>(work: (path: string) => Promise<Result>): Promise<Result> {
  const path = await mkdtemp(join(tmpdir(), 'kvorum-example-'));
  try {
    return await work(path);
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}

/** Prints `name: count things in 1.2 s (34,567/s)`. */
export function printRate(name: string, count: number, startedAtMs: number): void {
  const seconds = (performance.now() - startedAtMs) / 1_000;
  const rate = Math.round(count / seconds).toLocaleString('en-US');
  console.log(`${name}: ${count.toLocaleString('en-US')} in ${seconds.toFixed(1)} s (${rate}/s)`);
}

/** The items in groups of at most `size`, in order. */
export function* groupsOf<Item>(items: Iterable<Item>, size: number): Generator<Item[]> {
  let group: Item[] = [];
  for (const item of items) {
    if (group.push(item) < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}
