/** What coordinators and vnodes tell the hint keeper of their node: it takes note within the same turn. */
import { addressOf, Role } from '../src/actor/address.js';
import type { Env } from '../src/actor/env.js';
import { Hint, Note } from '../src/protocol/hint-messages.js';
import { Kind } from '../src/protocol/messages.js';
import { copyWords } from '../src/protocol/record.js';

/** `target` lacks what this node holds for the key whose hash, key and slot word, and bytes stand at `words[at..]`. */
export function castHint(env: Env, target: number, words: Int32Array, at: number, keyAt: number): void {
  const keyWords = ((words[at + 1] & 0xffff) + 3) >>> 2;
  const bytes = ((Hint.key + keyWords) * 4 + 7) & ~7;
  const out = env.open(Kind.hint, addressOf(Role.hintKeeper, env.node, 0), 0, bytes);
  if (out === undefined) return;
  out.words[out.at + Hint.target] = target;
  out.words[out.at + Hint.keyHash] = words[at];
  out.words[out.at + Hint.keySlot] = words[at + 1];
  copyWords(words, keyAt, out.words, out.at + Hint.key, keyWords);
}

/** `target` lacks something of the partition. */
export function castNote(env: Env, target: number, partition: number): void {
  const out = env.open(Kind.note, addressOf(Role.hintKeeper, env.node, 0), 0, Note.end * 4);
  if (out === undefined) return;
  out.words[out.at + Note.target] = target;
  out.words[out.at + Note.partition] = partition;
}
