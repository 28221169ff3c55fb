/**
 * What waits for one peer on one lane: messages, already in the shape of frames. Small messages are put one behind the
 * other in a block; a message larger than a block is cut into chunks, each with a prefix of two words: bytes of the message,
 * and where in it the piece stands. Bounded: what does not fit is refused.
 */
import { Head } from '../protocol/header.js';
import { copyWords } from '../protocol/record.js';
import { type Block, type BlockPool, BODY_WORD } from './block-pool.js';
import { FrameType } from './frame.js';
import { PAYLOAD_BYTES_MAX } from './limits.js';

export const CHUNK_PREFIX_WORDS = 2;

export interface PutOptions {
  readonly isReply?: boolean;
  /** The message leaves after these blocks of all lanes. */
  readonly behind?: readonly number[] | undefined;
}

export class LaneQueue {
  /** Bytes of messages that wait. */
  queuedBytes = 0;
  refused = 0;
  /** Blocks that were begun, and that have left. */
  begun = 0;
  left = 0;
  readonly #bytesMax: number;
  readonly #pool: BlockPool;
  #blocks: Block[] = [];

  constructor(bytesMax: number, pool: BlockPool) {
    this.#bytesMax = bytesMax;
    this.#pool = pool;
  }

  /** Copies the message; false where there is no room. */
  put(words: Int32Array, at: number, bytes: number, { isReply = false, behind }: PutOptions = {}): boolean {
    const bytesMax = isReply ? this.#bytesMax * 2 : this.#bytesMax;
    if (this.queuedBytes + bytes > bytesMax && this.queuedBytes > 0) {
      this.refused++;
      return false;
    }
    this.queuedBytes += bytes;
    if (bytes > PAYLOAD_BYTES_MAX) this.#putChunks(words, at, bytes);
    else {
      const block = this.#blockFor(bytes, behind);
      copyWords(words, at, block.words, BODY_WORD + (block.bodyBytes >>> 2), bytes >>> 2);
      block.bodyBytes += bytes;
    }
    return true;
  }

  #blockFor(bytes: number, behind: readonly number[] | undefined): Block {
    const last = this.#blocks.at(-1);
    const fits = last !== undefined && last.type === FrameType.data && last.bodyBytes + bytes <= PAYLOAD_BYTES_MAX;
    if (fits && behind === undefined) return last;
    const block = this.#begin(FrameType.data);
    if (behind !== undefined) block.behind = behind;
    return block;
  }

  #begin(type: FrameType): Block {
    const block = this.#pool.take(type, ++this.begun);
    this.#blocks.push(block);
    return block;
  }

  #putChunks(words: Int32Array, at: number, bytes: number): void {
    for (let from = 0; from < bytes; from += PAYLOAD_BYTES_MAX) {
      const piece = Math.min(PAYLOAD_BYTES_MAX, bytes - from);
      const block = this.#begin(FrameType.chunk);
      block.words[BODY_WORD] = bytes;
      block.words[BODY_WORD + 1] = from;
      copyWords(words, at + (from >>> 2), block.words, BODY_WORD + CHUNK_PREFIX_WORDS, piece >>> 2);
      block.bodyBytes = CHUNK_PREFIX_WORDS * 4 + piece;
    }
  }

  /** The block that leaves next. */
  get next(): Block | undefined {
    return this.#blocks[0];
  }

  /** Takes `next`, which is there; whoever has sent it gives it back to the pool. */
  take(): Block {
    const block = this.#blocks.shift() as Block;
    this.left = block.id;
    this.queuedBytes -= block.type === FrameType.chunk ? block.bodyBytes - CHUNK_PREFIX_WORDS * 4 : block.bodyBytes;
    return block;
  }

  /** Drops everything. Calls `lost` for each message of which nothing has left: its header and fields stand at the word. */
  clear(lost: (words: Int32Array, at: number) => void): void {
    const blocks = this.#blocks;
    this.#blocks = [];
    this.queuedBytes = 0;
    this.left = this.begun;
    for (const block of blocks) {
      for (const at of messagesOf(block)) lost(block.words, at);
      this.#pool.give(block);
    }
  }
}

/** Word index of each message that begins in the block. */
function messagesOf({ type, words, bodyBytes }: Block): number[] {
  if (type === FrameType.chunk) return words[BODY_WORD + 1] === 0 ? [BODY_WORD + CHUNK_PREFIX_WORDS] : [];
  const starts: number[] = [];
  const end = BODY_WORD + (bodyBytes >>> 2);
  for (let at = BODY_WORD; at < end; at += (words[at + Head.size] & 0xff_ff_ff) >>> 2) starts.push(at);
  return starts;
}
