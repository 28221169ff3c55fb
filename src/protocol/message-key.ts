/** Where the messages on the way of a write carry their key, without a view: for loading ahead what they will look up. */
import { Kind, Replicate, Write } from './messages.js';
import { Rec } from './record.js';

/** Hash of the key that a write or a replicated record carries; any number for other messages. */
export function hashIn(words: Int32Array, at: number): number {
  return words[at + (words[at] >>> 24 === Kind.write ? Write.record : Replicate.record) + Rec.keyHash];
}
