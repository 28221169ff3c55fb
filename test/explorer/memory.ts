/**
 * The shared memory of an exploration. It knows which words are *contended* (one thread writes, another touches them), and
 * keeps a fingerprint of its content as it changes.
 */

export type Words = Int32Array | Uint8Array | Buffer;

/** Where an array lies. */
export interface Place {
  readonly region: Region;
  /** First byte within the region, and bytes of an element. */
  readonly offset: number;
  readonly width: number;
}

export interface Region {
  readonly memory: SharedArrayBuffer;
  readonly words: Int32Array;
  readonly name: string;
  /** Number of its first word, over all regions. */
  readonly first: number;
  /** What a scenario notes for its judgement: steps that cost nothing and stop nobody. */
  readonly isNotes: boolean;
}

const PLACE = Symbol('where an array lies');
type Marked = Words & { [PLACE]?: Place | 'private' };
const WORDS_MAX = 1 << 14;

export class Memory {
  /** Raised whenever another word turns out to be contended. */
  contendedWords = 0;
  fingerprintA = 0;
  fingerprintB = 0;
  readonly #contended = new Uint8Array(WORDS_MAX);
  /** One bit a thread. */
  readonly #writers = new Uint8Array(WORDS_MAX);
  readonly #users = new Uint8Array(WORDS_MAX);
  readonly #regions: Region[] = [];
  #allocated = 0;

  /** Begins an execution: the same allocations in the same order get the same memory. */
  reset(): void {
    this.#allocated = 0;
    this.fingerprintA = 0;
    this.fingerprintB = 0;
  }

  /** Zeroed shared memory. */
  allocate(name: string, bytes: number, isNotes: boolean): SharedArrayBuffer {
    const at = this.#allocated++;
    const region = this.#regions[at] ?? this.#newRegion(name, bytes, isNotes);
    region.words.fill(0);
    return region.memory;
  }

  #newRegion(name: string, bytes: number, isNotes: boolean): Region {
    const last = this.#regions.at(-1);
    const first = last === undefined ? 0 : last.first + last.words.length;
    const memory = new SharedArrayBuffer((bytes + 3) & ~3);
    const region = { memory, words: new Int32Array(memory), name, first, isNotes };
    if (first + region.words.length > WORDS_MAX) throw new Error('with that much memory nothing can be explored');
    this.#regions.push(region);
    return region;
  }

  /** Undefined for an array that one thread has for itself. */
  placeOf(array: Words): Place | undefined {
    const known = (array as Marked)[PLACE];
    if (known !== undefined) return known === 'private' ? undefined : known;
    if (!ArrayBuffer.isView(array)) return undefined;
    const region = this.#regions.find(({ memory }) => memory === (array.buffer as unknown));
    const place = region && { region, offset: array.byteOffset, width: array.BYTES_PER_ELEMENT };
    (array as Marked)[PLACE] = place ?? 'private';
    return place;
  }

  isContended(place: Place, index: number): boolean {
    return this.#contended[wordOf(place, index)] !== 0;
  }

  /** A thread uses an element. */
  touch(place: Place, index: number, thread: number, writes: boolean): void {
    if (place.region.isNotes) return;
    const word = wordOf(place, index);
    const bit = 1 << thread;
    this.#users[word] |= bit;
    if (writes) this.#writers[word] |= bit;
    if (this.#contended[word] !== 0 || this.#writers[word] === 0) return;
    if ((this.#users[word] & (this.#users[word] - 1)) === 0) return;
    this.#contended[word] = 1;
    this.contendedWords++;
  }

  write(place: Place, array: Words, index: number, value: number): void {
    const { words, first } = place.region;
    const word = wordOf(place, index);
    this.#toggle(word, words[word - first]);
    array[index] = value;
    this.#toggle(word, words[word - first]);
  }

  /** Takes a word's part into the fingerprint, or out of it. */
  #toggle(word: number, value: number): void {
    this.fingerprintA ^= mix(value ^ Math.imul(word + 1, 0x9e3779b1), 0x85ebca6b);
    this.fingerprintB ^= mix(Math.imul(value, 0xcc9e2d51) + word, 0xc2b2ae35);
  }
}

/** For people: `mailbox[3]`. */
export function placeName(place: Place, index: number): string {
  return `${place.region.name}[${wordOf(place, index) - place.region.first}]`;
}

/** Number of the word that an element lies in, over all regions. */
function wordOf({ region, offset, width }: Place, index: number): number {
  return region.first + ((offset + index * width) >>> 2);
}

/** Scrambles 32 bits; `by` is an odd constant. */
export function mix(value: number, by: number): number {
  let mixed = Math.imul(value ^ (value >>> 15), by);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0x2c1b3c6d);
  return mixed ^ (mixed >>> 16);
}
