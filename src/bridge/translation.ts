/**
 * What a message's words mean on one host, said in the words of another. A client of a peer is known here by its seat and the
 * peer's slot, which never changes while this process lives; deadlines are times of the sender's monotonic clock.
 *
 *   instance of a client's address   slot of its host (8 bits; 0: this host) | seat (8)
 */
import { instanceOf, Role, roleOf } from '../actor/address.js';
import { Head } from '../protocol/header.js';
import { fieldOffsets, NAME_OF_TAG } from '../protocol/messages.js';
import type { ClockOffset } from './clock-offset.js';

/** Of each tag: the word of its deadline; 0 where it has none. */
const DEADLINE_WORD_OF = Uint8Array.from(NAME_OF_TAG, (name) =>
  name === undefined ? 0 : (fieldOffsets(name).deadline ?? 0),
);

/** Slot of the peer whose client this is; 0 for one of this host, and for what is no client. */
export const slotOfClient = (address: number): number =>
  roleOf(address) === Role.client ? instanceOf(address) >>> 8 : 0;

const clientOf = (address: number, slot: number): number => (address & ~0xff00) | (slot << 8);

/** On its way out, in the sender's own copy: the receiver is a client of the host that the message goes to. */
export function translateOut(words: Int32Array, at: number): void {
  const to = words[at + Head.to];
  if (roleOf(to) === Role.client) words[at + Head.to] = clientOf(to, 0);
}

/** On its way in: the sender may be a client of the peer with this slot. */
export function translateIn(words: Int32Array, at: number, slot: number, clock: ClockOffset): void {
  const from = words[at + Head.from];
  if (roleOf(from) === Role.client) words[at + Head.from] = clientOf(from, slot);
  const deadline = DEADLINE_WORD_OF[words[at + Head.size] >>> 24];
  if (deadline !== 0) words[at + deadline] = clock.toOwn(words[at + deadline]);
}
