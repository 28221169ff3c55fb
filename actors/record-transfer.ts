/**
 * Records on their way between this node and the peer of an exchange, a window of them at a time: sent as `replicate` to the
 * peer's vnode, or fetched from it and replicated to this node's own. What arrives is counted when it is in a log.
 */
import { addressOf, nodeOf, Role } from '../src/actor/address.js';
import type { Env } from '../src/actor/env.js';
import { hashKey } from '../src/core/key-hash.js';
import { slotOf } from '../src/core/slot-hash.js';
import type { MessageView } from '../src/protocol/header.js';
import { Answer, Fetch, Kind, Replicate, Replicated } from '../src/protocol/messages.js';
import { AnswerFlag, Ask, DurabilityCode, failure, isSuccess, withEpoch } from '../src/protocol/outcome.js';
import { copyWords, sizeOf } from '../src/protocol/record.js';

/** Records under way at the same time. */
const WINDOW = 64;

/** It is merged into what this node holds; or left out, for somebody else sees to its key; or this cannot be said now. */
export type FetchedVerdict = 'merge' | 'leave' | 'later';

export interface TransferParts {
  readonly partition: number;
  readonly peer: number;
  /** Request ids, each once: an answer that comes twice counts once. */
  readonly newRequest: () => number;
  /** This node may forget what it sends once the peer has it. */
  readonly isLastCopy: boolean;
  /** What a peer in doubt says is taken for all that it holds. */
  readonly takesOfDoubtful: boolean;
  /** What to do with the fetched record at this word. */
  readonly onFetched: (words: Int32Array, bytes: Buffer, at: number) => FetchedVerdict;
}

export class RecordTransfer {
  sent = 0;
  received = 0;
  /** Outcome of the first that failed; 0 where none did. */
  outcome = 0;
  /** Whether any failed that this node was to take. */
  lacksSome = false;
  /** Whether the peer has said that it is in doubt. */
  isDoubtful = false;
  readonly #parts: TransferParts;
  readonly #wanted: Uint8Array[] = [];
  /** Request ids of what has no answer yet. */
  readonly #underWay = new Set<number>();

  constructor(parts: TransferParts) {
    this.#parts = parts;
  }

  get isFull(): boolean {
    return this.#underWay.size + this.#wanted.length >= WINDOW;
  }

  get isIdle(): boolean {
    return this.#underWay.size === 0 && this.#wanted.length === 0;
  }

  /** Fetches the peer's record of a key, as soon as the window has room. */
  want(key: Uint8Array): void {
    this.#wanted.push(key);
  }

  /** Sends the record at this word of the store. */
  send(words: Int32Array, at: number, env: Env): void {
    const { partition, peer } = this.#parts;
    this.#forward(addressOf(Role.vnode, peer, partition), words, at, env);
  }

  #forward(to: number, words: Int32Array, at: number, env: Env): void {
    const { newRequest, isLastCopy } = this.#parts;
    const request = newRequest();
    if (sendRecord(env, { to, request, words, at, isLastCopy })) this.#underWay.add(request);
    else this.#failed(failure('KV_OVERLOADED'), nodeOf(to) === env.node);
  }

  /** Asks for what is wanted, as far as the window goes. */
  pump(env: Env): void {
    const { partition, peer } = this.#parts;
    while (this.#wanted.length > 0 && this.#underWay.size < WINDOW) {
      const request = this.#parts.newRequest();
      if (!sendFetch(env, { to: addressOf(Role.vnode, peer, partition), request, key: this.#wanted[0] })) return;
      this.#wanted.shift();
      this.#underWay.add(request);
    }
  }

  /** The peer's record of a wanted key. */
  fetched(message: MessageView, env: Env): void {
    if (!this.#underWay.delete(message.request)) return;
    const { partition, onFetched, takesOfDoubtful } = this.#parts;
    const { words, bytes } = message;
    const at = message.at + Answer.record;
    const detail = message.u32(Answer.detail);
    const isDoubtful = (detail & AnswerFlag.doubtful) !== 0;
    this.isDoubtful ||= isDoubtful;
    // it counted when it listed the key: it may have lost what it held since, or have got back what was deleted
    const outcome = isDoubtful && !takesOfDoubtful ? failure('KV_UNAVAILABLE') : message.u32(Answer.outcome);
    if (!isSuccess(outcome)) this.#failed(outcome, true);
    if (!isSuccess(outcome) || (detail & AnswerFlag.record) === 0) return;
    const verdict = onFetched(words, bytes, at);
    if (verdict === 'merge') this.#forward(addressOf(Role.vnode, env.node, partition), words, at, env);
    else if (verdict === 'later') this.#failed(failure('KV_OVERLOADED'), true);
  }

  /** A record is in the log of the peer, or of this node. */
  replicated(message: MessageView, env: Env): void {
    if (!this.#underWay.delete(message.request)) return;
    const outcome = message.u32(Replicated.outcome);
    const isOwn = nodeOf(message.from) === env.node;
    if (!isSuccess(outcome)) this.#failed(outcome, isOwn);
    else if (isOwn) this.received++;
    else this.sent++;
  }

  #failed(outcome: number, isMissed: boolean): void {
    if (this.outcome === 0) this.outcome = outcome;
    this.lacksSome ||= isMissed;
  }
}

export interface SendOrder {
  readonly to: number;
  readonly request: number;
  readonly words: Int32Array;
  readonly at: number;
  /** It is all that the other holders have: it may stand in place of a record that cannot be read. */
  readonly replacesUnreadable?: boolean;
  /** The sender may forget it once it is taken: it is to be as safe there. */
  readonly isLastCopy?: boolean;
}

/** Has a vnode merge the record at this word; false where its mailbox has no room. */
export function sendRecord(env: Env, order: SendOrder): boolean {
  const { to, request, words, at, replacesUnreadable = false, isLastCopy = false } = order;
  const bytes = sizeOf(words, at);
  const out = env.open(Kind.replicate, to, request, Replicate.record * 4 + bytes);
  if (out === undefined) return false;
  const durability = isLastCopy ? DurabilityCode.sync : DurabilityCode.interval;
  const options = (durability << 8) | (replacesUnreadable ? Ask.repair : 0);
  out.words[out.at + Replicate.options] = withEpoch(options, env.placement.epoch);
  out.words[out.at + Replicate.mark] = 0;
  copyWords(words, at, out.words, out.at + Replicate.record, bytes >>> 2);
  return true;
}

export interface FetchOrder {
  readonly to: number;
  readonly request: number;
  readonly key: Uint8Array;
  /** Only of one that counts, under the ring that this node knows. */
  readonly isStrict?: boolean;
}

/** Asks a vnode for whatever it holds of a key; false where its mailbox has no room. */
export function sendFetch(env: Env, { to, request, key, isStrict = false }: FetchOrder): boolean {
  const keyWords = (key.length + 3) >>> 2;
  const out = env.open(Kind.fetch, to, request, (Fetch.key * 4 + keyWords * 4 + 7) & ~7);
  if (out === undefined) return false;
  const at = out.at + Fetch.key;
  out.words[at + keyWords - 1] = 0;
  out.bytes.set(key, at * 4);
  out.words[out.at + Fetch.options] = withEpoch(isStrict ? 0 : Ask.repair, env.placement.epoch);
  out.words[out.at + Fetch.keyHash] = hashKey(out.words, at, key.length);
  out.words[out.at + Fetch.keySlot] = key.length | (slotOf(key) << 16);
  return true;
}
