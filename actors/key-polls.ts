/**
 * Asks every other holder for one key, where this node's own record of it cannot be trusted, and acts on what they hold:
 *
 *   unreadable   the disk's record fails its checksum: the others' records, merged, take its place; not those of a node in
 *                doubt, which may lack what was acknowledged, or still hold what was deleted
 *   rolled back  a disk from the past holds what a peer does not: where nobody else does either, it is set aside for the
 *                operator instead of coming back to life
 */
import { addressOf, nodeOf, Role } from '../src/actor/address.js';
import type { Env } from '../src/actor/env.js';
import type { Store } from '../src/actor/ports.js';
import { coHoldersOf } from '../src/core/co-holders.js';
import { asStoreError } from '../src/core/errors.js';
import { hashKey } from '../src/core/key-hash.js';
import { emptySet, mergeSets, type Sibling, type SiblingSet } from '../src/core/siblings.js';
import { slotOf } from '../src/core/slot-hash.js';
import { covers } from '../src/core/version-vector.js';
import type { MessageView } from '../src/protocol/header.js';
import { Answer } from '../src/protocol/messages.js';
import { AnswerFlag, errorOf, isSuccess } from '../src/protocol/outcome.js';
import { Rec, sizeOf } from '../src/protocol/record.js';
import { decodeRecord, encodedBytes, encodeRecord, fitsRecord } from '../src/protocol/record-set.js';
import { decodeFetched } from './mend-answers.js';
import { readList } from './read-targets.js';
import { sendFetch, sendRecord } from './record-transfer.js';
import { SetAside } from './set-aside.js';

export type PollPurpose = 'unreadable' | 'rolled back';

interface Poll {
  readonly purpose: PollPurpose;
  readonly partition: number;
  readonly key: Uint8Array;
  /** Holders that have not answered. */
  readonly waiting: Set<number>;
  /** Of those on the list that acknowledged writes are on, none of them in doubt; and who of that list was away. */
  answers: number;
  readonly away: number;
  /** Somebody could not be asked, or could not say. */
  isPartial: boolean;
  held: SiblingSet;
  readonly sinceMs: number;
}

/** More are found again by the next pass. */
const POLLS_MAX = 256;
const POLL_MS = 5_000;

export class KeyPolls {
  readonly #polls = new Map<number, Poll>();
  readonly #byName = new Map<string, Poll>();
  readonly #newRequest: () => number;
  /** Any so many others hold, between them, whatever was acknowledged; and all others, where those are fewer. */
  readonly #quorum: number;
  readonly #answersNeeded: number;
  /** Records of rolled-back disks. */
  readonly aside: SetAside;
  /** Partitions of a rolled-back disk with keys of which not all have said what they hold: they are compared once more. */
  readonly unsure = new Set<number>();
  /** Those with keys that stay until holders which were away have said what they hold. */
  readonly undecided = new Set<number>();

  /** `w`: the smallest W of writes. */
  constructor(newRequest: () => number, { n, w }: { readonly n: number; readonly w: number }, store: Store) {
    this.aside = new SetAside(store);
    this.#newRequest = newRequest;
    this.#quorum = n - w + 1;
    this.#answersNeeded = Math.max(1, Math.min(n - 1, this.#quorum));
  }

  get size(): number {
    return this.#polls.size;
  }

  get isFull(): boolean {
    return this.#polls.size >= POLLS_MAX;
  }

  /** Asks the others, unless that is under way, or too much is. */
  start(purpose: PollPurpose, partition: number, key: Uint8Array, env: Env): void {
    const name = nameOf(purpose, key);
    if (this.#byName.has(name) || this.isFull) return;
    const others = coHoldersOf(env.placement, partition, env.node).filter((node) => env.placement.isUp(node));
    if (others.length === 0) return;
    const request = this.#newRequest();
    const waiting = new Set<number>();
    for (const node of others) {
      if (sendFetch(env, { to: addressOf(Role.vnode, node, partition), request, key })) waiting.add(node);
    }
    const sinceMs = env.nowMs();
    const isPartial = waiting.size < others.length;
    const away = readList(env.placement, partition).filter(
      (node) => node !== env.node && !others.includes(node),
    ).length;
    const poll: Poll = { purpose, partition, key, waiting, answers: 0, away, isPartial, held: emptySet(), sinceMs };
    this.#byName.set(name, poll);
    this.#polls.set(request, poll);
  }

  /** A holder's answer; false for one that is not to a poll. */
  fetched(message: MessageView, env: Env): boolean {
    const poll = this.#polls.get(message.request);
    if (poll === undefined) return false;
    if (!poll.waiting.delete(nodeOf(message.from))) return true;
    take(poll, message, env);
    if (poll.waiting.size === 0) this.#end(message.request, poll, env);
    return true;
  }

  /** Gives up on answers that do not come. */
  visit(env: Env): void {
    for (const [request, poll] of this.#polls) {
      if (((env.nowMs() - poll.sinceMs) | 0) > POLL_MS) this.#end(request, poll, env);
    }
  }

  #end(request: number, poll: Poll, env: Env): void {
    this.#polls.delete(request);
    this.#byName.delete(nameOf(poll.purpose, poll.key));
    const at = read(() => find(poll.key, env));
    if (at === 'unreadable') this.#endUnreadable(poll, env);
    else if (poll.purpose === 'rolled back') {
      const isAnswered = !poll.isPartial && poll.waiting.size === 0;
      const isSettled = isAnswered && at !== 'later' && this.#endRolledBack(poll, at, env);
      if (!isSettled) this.unsure.add(poll.partition);
    }
  }

  #endUnreadable(poll: Poll, env: Env): void {
    if (poll.answers >= this.#answersNeeded && poll.held.vector.length > 0) this.#merge(poll, env);
  }

  /** Has this node's vnode merge what the others hold; false where that is not possible now, or is more than a record. */
  #merge({ partition, key, held }: Poll, env: Env): boolean {
    if (!fitsRecord(key.length, held)) return false;
    const words = new Int32Array(encodedBytes(key.length, held) / 4);
    encodeRecord(words, Buffer.from(words.buffer), 0, { bytes: key, hash: hashOf(key), slot: slotOf(key) }, held);
    const to = addressOf(Role.vnode, env.node, partition);
    return sendRecord(env, { to, request: this.#newRequest(), words, at: 0, replacesUnreadable: true });
  }

  /**
   * What no other holder knows of goes out of the partition, into a private record; false where there is no room. Where too few
   * can say, for they are in doubt themselves or cannot read their own record, it may have been acknowledged, and stays, if it
   * is newer than whatever they hold; where some are away, until they have said so too.
   */
  #endRolledBack(poll: Poll, at: number, env: Env): boolean {
    const { store } = env;
    if (at < 0) return true;
    const { siblings, vector } = decodeRecord(store.words, store.bytes, at);
    // under this incarnation it was written behind the loss, in a life that ended before the node counted for all partitions
    const isKnown = ({ dot }: Sibling) => dot.replica === store.replica || covers(poll.held.vector, dot);
    const isUnknown = !siblings.every(isKnown);
    const isShort = poll.answers < this.#answersNeeded;
    const isNewest = poll.held.vector.every((dot) => covers(vector, dot));
    if (isUnknown && isShort && poll.answers + poll.away >= this.#quorum) this.undecided.add(poll.partition);
    else if (isUnknown && !(isShort && isNewest)) {
      const record = new Uint8Array(store.bytes.subarray(at * 4, at * 4 + sizeOf(store.words, at)));
      if (!this.aside.keep(store, poll.partition, poll.key, record)) return false;
      if (!store.forget(find(poll.key, env))) return false;
      store.requireSync();
    }
    return poll.held.vector.length === 0 || this.#merge(poll, env);
  }
}

/** What a holder says of the key of a poll. */
function take(poll: Poll, message: MessageView, env: Env): void {
  const { outcome, held } = decodeFetched(message);
  if (!isSuccess(outcome)) {
    // who has lost its own record of the key never says more
    poll.isPartial ||= errorOf(outcome) !== 'KV_CORRUPT';
    return;
  }
  const isDoubtful = (message.u32(Answer.detail) & AnswerFlag.doubtful) !== 0;
  if (isDoubtful && poll.purpose === 'unreadable') return;
  // one that is yet to be filled, or in doubt, has nothing to say of what was written before
  if (!isDoubtful && readList(env.placement, poll.partition).includes(nodeOf(message.from))) poll.answers++;
  poll.held = mergeSets(poll.held, held);
}

const nameOf = (purpose: PollPurpose, key: Uint8Array): string => `${purpose} ${String.fromCharCode(...key)}`;

const scratch = new Int32Array(512);
const scratchBytes = new Uint8Array(scratch.buffer);

/** Word index of this node's record of a key, or -1. @throws StoreError KV_CORRUPT */
function find(key: Uint8Array, env: Env): number {
  scratch[(key.length - 1) >>> 2] = 0;
  scratchBytes.set(key);
  return env.store.find(scratch, hashKey(scratch, 0, key.length), key.length | (slotOf(key) << 16), 0);
}

/** Word index of what the node holds of the key of the record at this word; -1 for none. */
export const readHeld = (store: Store, words: Int32Array, at: number): number | 'unreadable' | 'later' =>
  read(() => store.find(words, words[at + Rec.keyHash], words[at + Rec.keySlot], at + Rec.key));

/** What a lookup finds; `later` where the store cannot say now. @throws whatever else it throws */
function read(lookUp: () => number): number | 'unreadable' | 'later' {
  try {
    return lookUp();
  } catch (error) {
    const { code } = asStoreError(error);
    if (code === 'KV_CORRUPT') return 'unreadable';
    if (code === 'KV_OVERLOADED') return 'later';
    throw error;
  }
}

function hashOf(key: Uint8Array): number {
  scratch[(key.length - 1) >>> 2] = 0;
  scratchBytes.set(key);
  return hashKey(scratch, 0, key.length);
}
