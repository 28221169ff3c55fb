/**
 * One large thing put together from its pieces, which arrive in order: a message, or the facts for a host that wants to
 * join. Each piece says how large the whole is and where it stands; both are checked before room is made.
 */
import { violation } from './refusal.js';

export class ChunkAssembly {
  readonly #bytesMax: number;
  #words: Int32Array | undefined;
  #bytes: Buffer | undefined;
  #total = 0;
  #filled = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get isOpen(): boolean {
    return this.#words !== undefined;
  }

  /**
   * Adds a piece; the whole, once that is there, which the caller then owns.
   * @throws StoreError KV_PROTOCOL for a piece that does not follow the one before
   */
  add(total: number, from: number, piece: Uint8Array): { words: Int32Array; bytes: Buffer } | undefined {
    if (from === 0 && this.#words === undefined) this.#begin(total);
    const fits = total === this.#total && from === this.#filled && piece.length > 0 && from + piece.length <= total;
    if (this.#bytes === undefined || !fits) throw violation('chunk', 'a piece that does not follow the one before');
    this.#bytes.set(piece, from);
    this.#filled += piece.length;
    if (this.#filled < total) return undefined;
    const whole = { words: this.#words as Int32Array, bytes: this.#bytes };
    this.#words = undefined;
    this.#bytes = undefined;
    return whole;
  }

  #begin(total: number): void {
    if (total <= 0 || total > this.#bytesMax || (total & 7) !== 0)
      throw violation('chunk', `a whole of ${total} bytes`);
    this.#words = new Int32Array(total >>> 2);
    this.#bytes = Buffer.from(this.#words.buffer);
    this.#total = total;
    this.#filled = 0;
  }
}
