/** Messages whose every word follows from a stamp, so that a torn or misplaced one shows. */
import { Kind } from '../../src/protocol/messages.js';

export function fillMessage(words: Int32Array, at: number, bytes: number, stamp: number): void {
  words[at] = bytes | (Kind.gossip << 24);
  words[at + 1] = stamp;
  for (let i = 2; i < bytes / 4; i++) words[at + i] = Math.imul(stamp, 31) + i;
}

export function isMessage(words: Int32Array, at: number, stamp: number): boolean {
  if (at < 0 || words[at + 1] !== stamp || words[at] >>> 24 !== Kind.gossip) return false;
  const bytes = words[at] & 0xff_ff_ff;
  for (let i = 2; i < bytes / 4; i++) if (words[at + i] !== ((Math.imul(stamp, 31) + i) | 0)) return false;
  return true;
}
