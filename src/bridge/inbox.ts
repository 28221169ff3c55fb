/**
 * Messages from one peer: whole ones and pieces, by lane, through the check and the translation to a local mailbox; and the
 * credit that the peer gets for them. Credit is withheld while too much waits behind full mailboxes.
 */
import { Head } from '../protocol/header.js';
import { MESSAGE_BYTES_MAX } from '../protocol/limits.js';
import { BODY_WORD } from './block-pool.js';
import { ChunkAssembly } from './chunk-assembly.js';
import type { ClockOffset } from './clock-offset.js';
import { CreditAccount } from './credit.js';
import type { Frame } from './frame-decoder.js';
import { LANES, laneOf } from './lane.js';
import { CHUNK_PREFIX_WORDS } from './lane-queue.js';
import { CREDIT_BYTES, WAITING_BYTES_MAX } from './limits.js';
import { type Border, checkMessage } from './message-check.js';
import { violation } from './refusal.js';
import { refusedReply } from './refused-reply.js';
import type { Tally } from './stats.js';
import { translateIn } from './translation.js';
import type { BridgeHooks } from './types.js';

export interface InboxParts {
  readonly border: Border;
  readonly slot: number;
  readonly clock: ClockOffset;
  readonly hooks: Pick<BridgeHooks, 'deliver' | 'waitingBytes'>;
  readonly tally: Tally;
  /** Sends a message back to the peer. */
  readonly reply: (words: Int32Array) => void;
}

export class Inbox {
  /** Whether the peer waits for credit that the local mailboxes do not allow. */
  isWithholding = false;
  readonly #parts: InboxParts;
  readonly #accounts = CREDIT_BYTES.map((window) => new CreditAccount(window));
  readonly #assemblies = CREDIT_BYTES.map(() => new ChunkAssembly(MESSAGE_BYTES_MAX));

  constructor(parts: InboxParts) {
    this.#parts = parts;
  }

  /** @throws StoreError KV_PROTOCOL for anything that this peer may not send */
  takeMessages({ words, lane, bodyBytes }: Frame): void {
    this.#account(lane, bodyBytes);
    if (this.#assemblies[lane].isOpen) throw violation('chunk', 'messages between the pieces of one');
    const end = BODY_WORD + (bodyBytes >>> 2);
    for (let at = BODY_WORD; at < end; ) {
      const bytes = words[at + Head.size] & 0xff_ff_ff;
      this.#takeMessage(words, at, (end - at) * 4, lane);
      at += bytes >>> 2;
    }
  }

  /** @throws StoreError KV_PROTOCOL for anything that this peer may not send */
  takeChunk({ words, bytes, lane, bodyBytes }: Frame): void {
    this.#account(lane, bodyBytes);
    if (bodyBytes <= CHUNK_PREFIX_WORDS * 4) throw violation('chunk', 'an empty piece');
    const start = (BODY_WORD + CHUNK_PREFIX_WORDS) * 4;
    const piece = bytes.subarray(start, BODY_WORD * 4 + bodyBytes);
    const whole = this.#assemblies[lane].add(words[BODY_WORD], words[BODY_WORD + 1], piece);
    if (whole === undefined) return;
    const wholeBytes = whole.words.length * 4;
    if ((whole.words[Head.size] & 0xff_ff_ff) !== wholeBytes) {
      throw violation('message-size', 'a message that is not as long as its pieces');
    }
    this.#takeMessage(whole.words, 0, wholeBytes, lane);
  }

  #takeMessage(words: Int32Array, at: number, room: number, lane: number): void {
    const { border, slot, clock, hooks, tally, reply } = this.#parts;
    const reason = checkMessage(words, at, room, border);
    if (reason !== undefined) throw violation(reason, `a message that this peer may not send: ${reason}`);
    if (laneOf(words[at + Head.from], words[at + Head.to]) !== lane)
      throw violation('lane', 'a message on a wrong lane');
    translateIn(words, at, slot, clock);
    tally.messagesIn++;
    if (hooks.deliver(words, at, words[at + Head.size] & 0xff_ff_ff)) return;
    tally.deliveriesRefused++;
    const answer = refusedReply(words, at, 'KV_OVERLOADED');
    if (answer !== undefined) reply(answer);
  }

  #account(lane: number, bytes: number): void {
    if (!this.#accounts[lane].take(bytes)) throw violation('credit', 'more was sent than there was credit for');
  }

  /** Whether the peer is to be told its credits: some are due, and the local mailboxes allow them. */
  giveCredit(): boolean {
    const waiting = this.#parts.hooks.waitingBytes();
    let isGiven = false;
    this.isWithholding = false;
    for (let lane = 0; lane < LANES; lane++) {
      const account = this.#accounts[lane];
      if (!account.isDue) continue;
      if (waiting > WAITING_BYTES_MAX[lane]) this.isWithholding = true;
      else {
        account.tell();
        isGiven = true;
      }
    }
    return isGiven;
  }

  /** What the peer is told: its bytes taken, by lane. */
  get credits(): number[] {
    return this.#accounts.map(({ told }) => told);
  }
}
