/**
 * A mailbox: a single-producer single-consumer ring of messages in a SharedArrayBuffer, one for each ordered pair of
 * threads (Lamport 1977; both sides cache the other's counter, as in FastForward and in Rigtorp's SPSCQueue).
 *
 *   line 0  head: units taken, by the consumer     line 1  tail: units written, by the producer
 *   line 2  messages, high-water mark and refusals, by the producer
 *   data    8-byte units; a message that would cross the end is preceded by a pad that fills it, and so is one that
 *           finds the ring empty and its tail in the second half
 *
 * Head and tail run freely through 32 bits. The producer fills messages in place and publishes once per turn; the
 * consumer handles them in place and releases once per turn.
 */
import { assert, StoreError } from '../core/errors.js';
import { MESSAGE_BYTES_MAX } from '../protocol/limits.js';
import { Kind } from '../protocol/messages.js';

const enum Ring {
  head = 0,
  tail = 16,
  messages = 32,
  highWater = 33,
  refused = 34,
  data = 48,
}

/** What a consumer loads ahead: two kilobytes, by the lines of a processor's cache. */
const LOAD_UNITS = 256;
const LINE_UNITS = 8;
const HEADER_BYTES = Ring.data * 4;

/** Memory of a mailbox that holds `bytes`, a power of two. */
export function allocateMailbox(bytes: number): SharedArrayBuffer {
  assert(bytes >= 1024 && (bytes & (bytes - 1)) === 0, 'a mailbox holds a power of two of bytes');
  return new SharedArrayBuffer(HEADER_BYTES + bytes);
}

/** The producer's side. */
export class MailboxWriter {
  /** Messages are filled in here, at the word index that `reserve` returns. */
  readonly words: Int32Array;
  readonly bytes: Buffer;
  readonly capacityUnits: number;
  readonly #mask: number;
  /**
   * An empty ring whose tail has come so far begins anew: half of it stays in the cache, where all of it would not. In the
   * largest ring just behind its middle, for a pad of half of it could not state its size.
   */
  readonly #farUnits: number;
  #tail: number;
  #published: number;
  #cachedHead: number;
  #lastUnits = 0;
  #pending = 0;
  #markTail = 0;
  #markPending = 0;

  constructor(memory: SharedArrayBuffer) {
    this.words = new Int32Array(memory);
    this.bytes = Buffer.from(memory);
    this.capacityUnits = (memory.byteLength - HEADER_BYTES) >>> 3;
    this.#mask = this.capacityUnits - 1;
    this.#farUnits = Math.max(this.capacityUnits >>> 1, this.capacityUnits - (MESSAGE_BYTES_MAX >>> 3));
    this.#tail = Atomics.load(this.words, Ring.tail); // Atomics: acquire; a former producer's last publication
    this.#published = this.#tail;
    this.#cachedHead = Atomics.load(this.words, Ring.head); // Atomics: acquire, what the consumer has released
  }

  /** Largest message that an empty mailbox always has room for, wherever its tail stands. */
  get messageBytesMax(): number {
    return Math.min(this.capacityUnits * 4, MESSAGE_BYTES_MAX);
  }

  /** Room for a message of `bytes` (a multiple of 8): its word index, or -1 where the mailbox is too full. */
  reserve(bytes: number): number {
    const units = bytes >>> 3;
    let offset = this.#tail & this.#mask;
    const rest = this.capacityUnits - offset;
    const skips = units > rest || (offset >= this.#farUnits && this.#isAllTaken());
    const needed = skips ? units + rest : units;
    if (((this.#tail - this.#cachedHead) | 0) + needed > this.capacityUnits) {
      this.#cachedHead = Atomics.load(this.words, Ring.head); // Atomics: acquire; released units may be overwritten
      if (((this.#tail - this.#cachedHead) | 0) + needed > this.capacityUnits) return -1;
    }
    if (skips) {
      this.words[Ring.data + offset * 2] = (rest << 3) | (Kind.pad << 24);
      this.#tail = (this.#tail + rest) | 0;
      offset = 0;
    }
    this.#tail = (this.#tail + units) | 0;
    this.#lastUnits = units;
    this.#pending++;
    return Ring.data + offset * 2;
  }

  /** Whether the consumer has taken everything, and nothing waits to be published. */
  #isAllTaken(): boolean {
    if (this.#tail !== this.#published) return false;
    this.#cachedHead = Atomics.load(this.words, Ring.head); // Atomics: acquire, as in reserve
    return this.#cachedHead === this.#tail;
  }

  /** The message reserved last turned out smaller. */
  shrink(bytes: number): void {
    const units = bytes >>> 3;
    this.#tail = (this.#tail - this.#lastUnits + units) | 0;
    this.#lastUnits = units;
  }

  /** `rollback` returns to here. */
  mark(): void {
    this.#markTail = this.#tail;
    this.#markPending = this.#pending;
  }

  /** Takes back everything reserved since `mark`; none of it may be published yet. */
  rollback(): void {
    this.#tail = this.#markTail;
    this.#pending = this.#markPending;
  }

  get unpublished(): boolean {
    return this.#tail !== this.#published;
  }

  /** The consumer sees everything reserved so far. Returns whether there was anything. */
  publish(): boolean {
    if (this.#tail === this.#published) return false;
    this.#published = this.#tail;
    Atomics.store(this.words, Ring.tail, this.#tail); // Atomics: release, then seq_cst with the look at the sleeper
    this.words[Ring.messages] += this.#pending;
    this.#pending = 0;
    const depth = (this.#tail - this.#cachedHead) | 0;
    if (depth > this.words[Ring.highWater]) this.words[Ring.highWater] = depth;
    return true;
  }

  countRefusal(): void {
    this.words[Ring.refused]++;
  }
}

/** The consumer's side. */
export class MailboxReader {
  readonly words: Int32Array;
  readonly bytes: Buffer;
  /** Keeps the loads ahead from being optimised away. */
  preloaded = 0;
  readonly #capacityUnits: number;
  readonly #mask: number;
  #head: number;
  #released: number;
  #cachedTail: number;
  /** Up to here the messages were loaded ahead. */
  #loaded: number;

  /**
   * Begins with what is published later: messages to a former consumer are void. `fresh`: there was none, and messages may
   * have come already, all of which are taken.
   */
  constructor(memory: SharedArrayBuffer, fresh = false) {
    this.words = new Int32Array(memory);
    this.bytes = Buffer.from(memory);
    this.#capacityUnits = (memory.byteLength - HEADER_BYTES) >>> 3;
    this.#mask = this.#capacityUnits - 1;
    this.#head = fresh ? 0 : Atomics.load(this.words, Ring.tail); // Atomics: acquire
    this.#released = this.#head;
    this.#cachedTail = this.#head;
    this.#loaded = this.#head;
    Atomics.store(this.words, Ring.head, this.#head); // Atomics: release, nothing of it is read any more
  }

  /** Word index of the next message, or -1. @throws StoreError KV_INTERNAL for bytes that cannot be a message */
  next(): number {
    for (;;) {
      if (this.#head === this.#cachedTail) {
        this.#cachedTail = Atomics.load(this.words, Ring.tail); // Atomics: acquire; the messages before it are whole
        if (this.#head === this.#cachedTail) return -1;
      }
      if (((this.#head - this.#loaded) | 0) >= 0) this.#load();
      const at = Ring.data + (this.#head & this.#mask) * 2;
      const word = this.words[at];
      const bytes = word & 0xff_ff_ff;
      if (bytes < 8 || (bytes & 7) !== 0 || bytes > this.#capacityUnits * 8) {
        throw new StoreError('KV_INTERNAL', `a mailbox holds ${bytes} bytes where a message should begin`);
      }
      this.#head = (this.#head + (bytes >>> 3)) | 0;
      if (word >>> 24 !== Kind.pad) return at;
    }
  }

  /**
   * Begins to load the lines of the next messages from the producer's cache, all at once: each message tells where the next
   * one begins, so taking them would wait for one after the other.
   */
  #load(): void {
    const { words } = this;
    const end = this.#head + Math.min((this.#cachedTail - this.#head) | 0, LOAD_UNITS);
    let seen = 0;
    for (let unit = this.#head; unit < end; unit += LINE_UNITS) seen ^= words[Ring.data + (unit & this.#mask) * 2];
    this.preloaded = seen;
    this.#loaded = end | 0;
  }

  /** Whether something is there to take. */
  get hasMail(): boolean {
    // Atomics: seq_cst, after the store of SLEEPING (Dekker: the producer publishes, then looks for a sleeper)
    return this.#head !== Atomics.load(this.words, Ring.tail);
  }

  /** The producer may overwrite everything taken so far. */
  release(): void {
    if (this.#head === this.#released) return;
    this.#released = this.#head;
    Atomics.store(this.words, Ring.head, this.#head); // Atomics: release, after the last read of the messages
  }
}

/** What a mailbox has counted, from its memory; any thread. */
export function mailboxCounts(memory: SharedArrayBuffer): {
  depthBytes: number;
  highWaterBytes: number;
  messages: number;
  refused: number;
} {
  const words = new Int32Array(memory, 0, Ring.data);
  // Atomics: acquire, each; a snapshot for people to read
  const depth = (Atomics.load(words, Ring.tail) - Atomics.load(words, Ring.head)) | 0;
  return {
    depthBytes: depth * 8,
    highWaterBytes: words[Ring.highWater] * 8,
    messages: words[Ring.messages] >>> 0,
    refused: words[Ring.refused] >>> 0,
  };
}
