/** A store in a temporary folder of its own, small enough for a test; closed and removed when the test, or the file, ends. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext, TestFn } from 'ava';
import type { ErrorCode, Store } from '../../src/index.js';
import { type OpenStoreOptions, open, StoreError } from '../../src/index.js';

/** Its deadline is no test's business unless that test sets one: a slow machine answers late, not wrongly. */
export const SMALL: OpenStoreOptions = { nodes: 3, partitions: 16, memoryBytes: 6 * 2 ** 20, deadlineMs: 60_000 };

/** What runs when a test ends. */
export interface Ending {
  teardown(end: () => void | Promise<void>): void;
}

/** A new folder, removed behind the test's stores. */
export function makeFolder(t: Ending): string {
  const folder = mkdtempSync(join(tmpdir(), 'kvorum-test-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Opens a store; a test that ends early closes it too. */
export async function openSmall(t: Ending, options: OpenStoreOptions = {}): Promise<Store> {
  const path = options.path ?? join(makeFolder(t), 'data');
  const store = await open({ ...SMALL, path, ...options });
  t.teardown(() => store.close());
  return store;
}

/** One store for all tests of a file. */
export function shareStore(test: TestFn, options: OpenStoreOptions = {}): () => Store {
  let shared: Store | undefined;
  const ends: (() => void | Promise<void>)[] = [];
  test.before(async () => {
    shared = await openSmall({ teardown: (end) => void ends.unshift(end) }, options);
  });
  test.after.always(async () => {
    for (const end of ends) await end();
  });
  return () => shared as Store;
}

/** Fails the test unless `call` fails with this code and a sentence that says more than the code; its error. */
export async function failsWith(
  t: ExecutionContext,
  code: ErrorCode,
  call: () => unknown,
  saying: RegExp = /\w+ \w+ \w+/,
): Promise<StoreError> {
  const error = await t.throwsAsync(async () => void (await call()), { instanceOf: StoreError }, `expected ${code}`);
  t.is(error?.code, code, error?.message);
  t.regex(error?.message ?? '', saying);
  return error as StoreError;
}

/** Waits until `holds`, at most `limitMs`. It looks often at first, then less: looking takes time from what it waits for. */
export async function until(holds: () => boolean | Promise<boolean>, limitMs = 120_000): Promise<void> {
  const beganMs = performance.now();
  while (!(await holds())) {
    const waitedMs = performance.now() - beganMs;
    if (waitedMs > limitMs) throw new Error('what was awaited did not come');
    await new Promise((resolve) => setTimeout(resolve, Math.min(2 + waitedMs / 50, 20)));
  }
}

/** What a node with little memory says while it waits for its disk: nothing was lost, ask again. */
const BUSY: ReadonlySet<string> = new Set(['KV_OVERLOADED', 'KV_WRITE_QUORUM_UNMET']);

/** Repeats a call that fails with one of `codes`; a test's own timeout ends it. */
export async function patiently<Result>(call: () => Promise<Result>, codes = BUSY): Promise<Result> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof StoreError && codes.has(error.code))) throw error;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

/** Everything that an iterable yields. */
export async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}
