/**
 * Enters into a node's table a record that recovery has put into its arena: it is dirty, since the log that it came from
 * is what the base table may lack.
 */
import { clockOf, Flag, isForgotten, Rec } from '../protocol/record.js';
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
