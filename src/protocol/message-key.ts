/** Where the messages on the way of a write carry their key, without a view: for loading ahead what they will look up. */
import { Kind, Replicate, Write } from './messages.js';
import { Rec } from './record.js';

const IN_WRITE = Write.record + Rec.keyHash;
const IN_REPLICATE = Replicate.record + Rec.keyHash;

/** Collects the hashes of the keys that writes and replicated records among these messages carry; how many there are. */
export function hashesIn(words: Int32Array, at: Int32Array, count: number, hashes: Int32Array): number {
  let found = 0;
  for (let i = 0; i < count; i++) {
    const tag = words[at[i]] >>> 24;
    if (tag === Kind.replicate) hashes[found++] = words[at[i] + IN_REPLICATE];
    else if (tag === Kind.write) hashes[found++] = words[at[i] + IN_WRITE];
  }
  return found;
}
