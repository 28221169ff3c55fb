/** Pages of a partition, as part of the contract of the `Store` port (store-suite.ts). */
import fc from 'fast-check';
import type { PageRequest } from '../../src/actor/ports.js';
import { partitionId } from '../../src/core/ids.js';
import { find, keyOf, keyTextAt, stageWrite, valueAt } from './records.js';
import { type On, put, type SuiteStore } from './store-suite.js';

export function pages(on: On): void {
  on('pages -> a partition in byte order, within any bounds, forwards and backwards, with a limit', async (t, held) => {
    const texts = Array.from({ length: 120 }, (_, i) => `key-${(i * 7919) % 1000}`);
    const byPartition = new Map<number, string[]>();
    for (const [index, text] of texts.entries()) {
      const key = keyOf(text);
      put(held, key, text);
      const partition = (key.keySlot >>> 16) >>> held.slotShift;
      byPartition.set(partition, [...new Set([...(byPartition.get(partition) ?? []), text])]);
      if (index % 16 === 0) await held.endTurn();
    }
    await held.endTurn();
    for (const [partition, keys] of byPartition) {
      const sorted = keys.sort().map((text) => `${text}=${text}`);
      t.deepEqual(pageTexts(held, partition, {}).texts, sorted);
      t.deepEqual(pageTexts(held, partition, { reverse: true }).texts, [...sorted].reverse());
      const middle = keys[keys.length >> 1];
      const bound = Buffer.from(middle);
      const above = sorted.filter((pair) => pair.slice(0, pair.indexOf('=')) > middle);
      const below = sorted.filter((pair) => pair.slice(0, pair.indexOf('=')) < middle);
      t.deepEqual(pageTexts(held, partition, { gt: bound }).texts, above);
      t.deepEqual(pageTexts(held, partition, { gte: bound }).texts, [`${middle}=${middle}`, ...above]);
      t.deepEqual(pageTexts(held, partition, { lt: bound, reverse: true }).texts, [...below].reverse());
      t.deepEqual(pageTexts(held, partition, { lte: bound }).texts, [...below, `${middle}=${middle}`]);
      t.deepEqual(pageTexts(held, partition, { gt: bound, lt: bound }).texts, []);
      const limited = pageTexts(held, partition, { limit: 1 });
      t.deepEqual(limited.texts, sorted.slice(0, 1));
      if (sorted.length > 1) t.true(limited.more);
    }
  });
  on('a page that its reader stops -> says that more follow', async (t, held) => {
    const keys = ['{p}1', '{p}2', '{p}3'].map((text) => keyOf(text));
    for (const key of keys) put(held, key, 'v');
    await held.endTurn();
    const partition = partitionId((keys[0].keySlot >>> 16) >>> held.slotShift);
    let seen = 0;
    t.true(held.store.page(partition, {}, () => ++seen < 2));
    t.is(seen, 2);
  });
  on('any writes, forgotten keys and undone handlers, a page after each -> shows what a map shows', async (t, held) => {
    await pagesAgainstMap(held);
    t.pass();
  });
}

/** All that happens is in one partition, and a page of it is read while a handler's writes may still be undone. */
async function pagesAgainstMap(held: SuiteStore): Promise<void> {
  const { store, slotShift } = held;
  const keys = Array.from({ length: 24 }, (_, index) => keyOf(`{one}${'xyz'[index % 3].repeat(index % 9)}${index}`));
  const partition = (keys[0].keySlot >>> 16) >>> slotShift;
  const shown = new Map<string, string>();
  const isShown = (all = shown) => {
    const wanted = [...all].map(([key, value]) => `${key}=${value}`);
    const { texts } = pageTexts(held, partition, {});
    return texts.length === wanted.length && new Set([...texts, ...wanted]).size === wanted.length && isSorted(texts);
  };
  const change = fc.record({ index: fc.nat(keys.length - 1), forgets: fc.boolean() });
  const looks = fc.constantFrom('never', 'within', 'behind');
  const handler = fc.record({ changes: fc.array(change, { maxLength: 5 }), fails: fc.boolean(), looks });
  let stamp = 0;
  const run = ({ changes, fails, looks }: Handler): boolean => {
    store.beginHandler();
    const now = new Map(shown);
    for (const { index, forgets } of changes) {
      const key = keys[index];
      const at = find(store, key);
      const isDone = forgets ? at < 0 || store.forget(at) : stageWrite(store, key, Buffer.from(String(++stamp))) >= 0;
      if (!isDone) throw new Error('the store has no room');
      if (forgets) now.delete(key.text);
      else now.set(key.text, String(stamp));
    }
    if (looks === 'within' && !isShown(now)) return false;
    if (fails) store.undoHandler();
    else for (const { text } of keys) copyOf(text, now, shown);
    return looks !== 'behind' || isShown();
  };
  const turns = fc.array(fc.array(handler, { maxLength: 5 }), { maxLength: 10 });
  const property = fc.asyncProperty(turns, async (all) => {
    for (const handlers of all) {
      if (!handlers.every(run)) return false;
      const ended = held.endTurn();
      if (handlers.some((one) => one.looks === 'behind') && !isShown()) return false;
      await ended;
    }
    return isShown();
  });
  await fc.assert(property, { numRuns: 40, endOnFailure: true });
}

interface Handler {
  readonly changes: readonly { readonly index: number; readonly forgets: boolean }[];
  readonly fails: boolean;
  /** When a page is read. */
  readonly looks: string;
}

function copyOf(key: string, from: ReadonlyMap<string, string>, to: Map<string, string>): void {
  const value = from.get(key);
  if (value === undefined) to.delete(key);
  else to.set(key, value);
}

const keyIn = (pair: string): string => pair.slice(0, pair.indexOf('='));
const isSorted = (pairs: readonly string[]): boolean =>
  pairs.every((pair, index) => index === 0 || keyIn(pairs[index - 1]) < keyIn(pair));

function pageTexts(held: SuiteStore, partition: number, request: PageRequest): { texts: string[]; more: boolean } {
  const texts: string[] = [];
  const more = held.store.page(partitionId(partition), request, (words, at) => {
    const bytes = Buffer.from(words.buffer, words.byteOffset, words.byteLength);
    texts.push(`${keyTextAt(words, bytes, at)}=${valueAt(words, bytes, at)}`);
    return true;
  });
  return { texts, more };
}
