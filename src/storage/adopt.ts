/**
 * Enters into a node's table a record that recovery has put into its arena: it is dirty, since the log that it came from
 * is what the base table may lack.
 */

import { asStoreError } from '../core/errors.js';
import { SYSTEM_SLOT } from '../core/ids.js';
import type { SiblingSet } from '../core/siblings.js';
import { covers } from '../core/version-vector.js';
import { clockOf, Flag, isForgotten, keyBytesOf, RECORD_HEADER_BYTES, Rec, slotOfRecord } from '../protocol/record.js';
import { decodeRecord } from '../protocol/record-set.js';
import type { Engine } from './engine.js';

/** Adopts the record at this word index. */
export function adopt(engine: Engine, at: number): void {
  const { words, index } = engine;
  if (((words[at] >>> 24) & Flag.pad) !== 0) return;
  engine.clock = clockOf(words, at);
  if (isForgotten(words, at)) engine.mayHoldForgotten = true;
  const hash = words[at + Rec.keyHash];
  const position = engine.arena.positionAt(at);
  const before = index.find(words, hash, words[at + Rec.keySlot], at + Rec.key);
  words[at + Rec.previous] = 0;
  if (before === 0) index.insert(hash, position);
  else index.swing(hash, before, position);
  engine.counts.adopted(at, before);
  engine.flusher.fresh.push(position);
}

/**
 * Adopts it unless the base table has a newer version of the key: in a log with holes the record that was flushed last may
 * be missing, and an older one of the same key may not.
 */
export function adoptNewer(engine: Engine, at: number): void {
  const { words, index } = engine;
  const isRecord = ((words[at] >>> 24) & Flag.pad) === 0 && !isForgotten(words, at);
  // in the log a later record of a key is the newer one; private records have no versions
  const isFirst = isRecord && index.find(words, words[at + Rec.keyHash], words[at + Rec.keySlot], at + Rec.key) === 0;
  if (isFirst && slotOfRecord(words, at) < SYSTEM_SLOT && isOutdated(engine, at)) engine.clock = clockOf(words, at);
  else adopt(engine, at);
}

/** Whether the base table's record covers this one, and is not covered by it. */
function isOutdated(engine: Engine, at: number): boolean {
  const { words, bytes, slotShift } = engine;
  const start = at * 4 + RECORD_HEADER_BYTES;
  const key = bytes.subarray(start, start + keyBytesOf(words, at));
  const held = readBase(engine, slotOfRecord(words, at) >>> slotShift, key);
  if (held === undefined) return false;
  const logged = decodeRecord(words, bytes, at);
  return hasSeen(held, logged) && !hasSeen(logged, held);
}

const hasSeen = ({ vector }: SiblingSet, { siblings, vector: other }: SiblingSet): boolean =>
  siblings.every(({ dot }) => covers(vector, dot)) && other.every((dot) => covers(vector, dot));

/** The base table's record, where it can be read. @throws StoreError KV_STORAGE_FAILED, KV_CLOSED */
function readBase({ base }: Engine, partition: number, key: Uint8Array): SiblingSet | undefined {
  try {
    const record = base.get(partition, key);
    if (record === undefined) return undefined;
    const aligned = new Int32Array(record.length / 4);
    const copy = Buffer.from(aligned.buffer);
    record.copy(copy);
    return decodeRecord(aligned, copy, 0);
  } catch (error) {
    if (asStoreError(error).code === 'KV_CORRUPT') return undefined;
    throw error;
  }
}
