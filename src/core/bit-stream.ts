/**
 * Numbers of a few bits each, one behind the other without a gap: what a packed ring is made of (ring-packing.ts).
 *
 *   bits     a whole number of 0 to 24 bits, its highest first; each byte is filled from its highest bit
 *   number   a safe integer from 0 on: groups of 7 bits, the lowest first, each led by a bit that says whether more follow
 *   text     bytes of its UTF-8 as a number, then those
 */
import { StoreError } from './errors.js';

const BYTES_AT_FIRST = 1_024;

export class BitWriter {
  #bytes = new Uint8Array(BYTES_AT_FIRST);
  #at = 0;

  bits(value: number, width: number): void {
    this.#reserve(width);
    for (let left = width; left > 0; ) {
      const free = 8 - (this.#at & 7);
      const taken = Math.min(free, left);
      left -= taken;
      this.#bytes[this.#at >>> 3] |= ((value >>> left) & ((1 << taken) - 1)) << (free - taken);
      this.#at += taken;
    }
  }

  number(value: number): void {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.bits(128 | (rest % 128), 8);
    this.bits(rest, 8);
  }

  /** A safe integer of either sign, near 0 the shortest. */
  signed(value: number): void {
    this.number(value < 0 ? -2 * value - 1 : 2 * value);
  }

  text(value: string): void {
    const bytes = new TextEncoder().encode(value);
    this.number(bytes.length);
    for (const byte of bytes) this.bits(byte, 8);
  }

  float(value: number): void {
    for (const byte of new Uint8Array(Float64Array.of(value).buffer)) this.bits(byte, 8);
  }

  /** All that was written, filled up to a whole byte with zeros; a copy. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, (this.#at + 7) >>> 3);
  }

  #reserve(width: number): void {
    if (this.#at + width <= this.#bytes.length * 8) return;
    const larger = new Uint8Array(this.#bytes.length * 2);
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}

/** Reads what a BitWriter wrote. Each of its methods: @throws StoreError KV_PROTOCOL where the bytes end, or cannot be that */
export class BitReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get bitsLeft(): number {
    return this.#bytes.length * 8 - this.#at;
  }

  bits(width: number): number {
    if (width > this.bitsLeft) throw malformed('it ends in the middle');
    let value = 0;
    for (let left = width; left > 0; ) {
      const there = 8 - (this.#at & 7);
      const taken = Math.min(there, left);
      left -= taken;
      value = (value << taken) | ((this.#bytes[this.#at >>> 3] >>> (there - taken)) & ((1 << taken) - 1));
      this.#at += taken;
    }
    return value;
  }

  number(): number {
    let value = 0;
    for (let unit = 1; ; unit *= 128) {
      const group = this.bits(8);
      value += (group & 127) * unit;
      if (!Number.isSafeInteger(value)) throw malformed('a number is too large');
      if (group < 128) return value;
    }
  }

  signed(): number {
    const value = this.number();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  /** A number of up to `most`: of what follows. */
  count(most: number): number {
    const value = this.number();
    if (value > most) throw malformed(`${value} of what there can be ${most} of`);
    return value;
  }

  /** One of these, by its index. */
  one<Item>(items: readonly Item[]): Item {
    return this.item(items, this.bits(widthOf(items.length)));
  }

  /** The one at this place, which must be there. */
  item<Item>(items: readonly Item[], place: number): Item {
    if (place >= items.length) throw malformed('it names what is not there');
    return items[place];
  }

  text(): string {
    const bytes = new Uint8Array(this.count(this.bitsLeft >>> 3));
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.bits(8);
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  }

  float(): number {
    const bytes = new Uint8Array(8);
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.bits(8);
    return new Float64Array(bytes.buffer)[0];
  }
}

/** Bits that tell one of so many apart; 0 where there is no choice. */
export const widthOf = (choices: number): number => (choices <= 1 ? 0 : 32 - Math.clz32(choices - 1));

export const malformed = (why: string): StoreError => new StoreError('KV_PROTOCOL', `this is no packed ring: ${why}`);
