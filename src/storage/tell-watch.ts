/**
 * Tells whoever watches a store which record took which one's place. What was replaced stands in the hot table, or, where
 * making room has dropped its copy meanwhile, in the base table.
 */
import { RECORD_HEADER_BYTES, Rec, slotOfRecord } from '../protocol/record.js';
import { wordOf } from './arena.js';
import type { Engine } from './engine.js';

const NONE = new Int32Array(0);

/** The record at `at` was staged over the one at position `before`; 0: none, or one that was dropped (`previous` >= 0). */
export function tellStaged(engine: Engine, at: number, before: number, previous: number): void {
  const { words, watch } = engine;
  if (before !== 0) watch?.replaced(words, wordOf(before), words, at);
  else if (previous < 0) watch?.replaced(NONE, -1, words, at);
  else tellOverDropped(engine, at);
}

/** Apart from `tellStaged`: a function that makes a closure takes room for what it captures whenever it is called. */
function tellOverDropped(engine: Engine, at: number): void {
  const { words, watch } = engine;
  withDropped(engine, at, (dropped) => watch?.replaced(dropped, dropped === NONE ? -1 : 0, words, at));
}

/** The record at `at` was taken back; the one at position `before` shows again, or what the base table holds. */
export function tellUnstaged(engine: Engine, at: number, before: number): void {
  const { words, watch } = engine;
  if (before !== 0) watch?.replaced(words, at, words, wordOf(before));
  else withDropped(engine, at, (dropped) => watch?.replaced(words, at, dropped, dropped === NONE ? -1 : 0));
}

function withDropped(engine: Engine, at: number, tell: (words: Int32Array) => void): void {
  const { words, bytes, base, watch } = engine;
  const start = at * 4 + RECORD_HEADER_BYTES;
  const key = bytes.subarray(start, start + (words[at + Rec.keySlot] & 0xffff));
  let record: Buffer | undefined;
  try {
    record = base.get(slotOfRecord(words, at) >>> engine.slotShift, key);
  } catch {
    watch?.replacedUnread(words, at);
    return;
  }
  tell(record === undefined ? NONE : new Int32Array(Uint8Array.from(record).buffer));
}
