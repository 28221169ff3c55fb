/**
 * A message that is larger than its mailbox takes at once travels in pieces, one right behind the other, and is put together
 * where they are taken out: it needs no mailbox of its size, nor any actor that knows of pieces.
 *
 *   piece   header of the message, but for its size and tag | bytes of the whole (1) | where these stand (1) | bytes
 *
 * Siblings are what grows so large: replicas merge what they took apart, and none of it may be lost.
 */
import { Head, putHeader } from '../protocol/header.js';
import { MESSAGE_BYTES_MAX } from '../protocol/limits.js';
import { Piece } from '../protocol/mailbox-messages.js';
import { Kind } from '../protocol/messages.js';
import { copyWords } from '../protocol/record.js';
import type { MailboxWriter } from './mailbox.js';

/** Larger pieces would have to wait for more room at once, smaller ones be more. */
const PIECE_BYTES_MAX = 64 * 1024;

/** The sending side of one mailbox. */
export class PieceWriter {
  readonly #writer: MailboxWriter;
  /** Words of the message under way that have left. */
  #sent = 0;

  constructor(writer: MailboxWriter) {
    this.#writer = writer;
  }

  /** Sends as much of the message as finds room, from where the call before ended; whether all of it has left. */
  send(message: Int32Array): boolean {
    const writer = this.#writer;
    const wordsMax = (Math.min(PIECE_BYTES_MAX, writer.messageBytesMax) >>> 2) - Piece.bytes;
    while (this.#sent < message.length) {
      const count = Math.min(wordsMax, message.length - this.#sent);
      const bytes = (Piece.bytes + count) * 4;
      const at = writer.reserve(bytes);
      if (at < 0) return false;
      const { words } = writer;
      putHeader(words, at, Kind.piece, bytes, message[Head.to], message[Head.from], message[Head.request]);
      words[at + Piece.total] = message.length * 4;
      words[at + Piece.offset] = this.#sent * 4;
      copyWords(message, this.#sent, words, at + Piece.bytes, count);
      this.#sent += count;
    }
    this.#sent = 0;
    return true;
  }
}

interface Partial {
  readonly message: Int32Array<ArrayBuffer>;
  filled: number;
}

/** The taking side of a thread, of all its mailboxes: at most one message is under way in each. */
export class PieceReader {
  /** By the memory of the mailbox. */
  readonly #partial = new WeakMap<Int32Array, Partial>();

  /**
   * Takes the piece at this word of a mailbox; the whole message, words of its own, with the last one. A sender that began
   * anew has left its last message unfinished: what does not follow the piece before is dropped.
   */
  add(words: Int32Array, at: number): Int32Array<ArrayBuffer> | undefined {
    const total = words[at + Piece.total] >>> 2;
    const from = words[at + Piece.offset] >>> 2;
    const count = ((words[at + Head.size] & 0xff_ff_ff) >>> 2) - Piece.bytes;
    if (from === 0 && total * 4 <= MESSAGE_BYTES_MAX) {
      this.#partial.set(words, { message: new Int32Array(total), filled: 0 });
    }
    const partial = this.#partial.get(words);
    if (partial === undefined || partial.filled !== from || partial.message.length !== total || from + count > total) {
      this.#partial.delete(words);
      return undefined;
    }
    copyWords(words, at + Piece.bytes, partial.message, from, count);
    partial.filled += count;
    if (partial.filled < total) return undefined;
    this.#partial.delete(words);
    return partial.message;
  }
}
