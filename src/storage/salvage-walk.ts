/**
 * Walks a damaged log, gives every intact block in order to a replay, and notes what lies between them.
 *
 * A block that stands behind an intact one is believed by its checksum. Behind damage the next one has to be found: where
 * the damaged block's header can still be believed, behind it; otherwise by its magic. What is found like that must be
 * numbered as a block there can be, so that bytes which only look like a block, in a value, are not taken for one: each
 * record has a number of its own, and at least the bytes of a header.
 */
import { RECORD_HEADER_BYTES } from '../protocol/record.js';
import { BLOCK_HEADER_BYTES, type BlockHeader, claimedBlock, openBlock, SEGMENT_HEADER_BYTES } from './log-block.js';
import { holdsRecords, type LogDamage } from './log-damage.js';
import type { LogFiles } from './log-files.js';
import { checkFormat } from './log-walk.js';
import type { LogWindow } from './log-window.js';

/** How much of a segment was good. */
interface Place {
  readonly number: number;
  readonly path: string;
  /** Behind its last intact block. */
  offset: number;
  records: number;
}

interface Damage {
  readonly place: Place;
  readonly offset: number;
  bytes: number;
  lost: number;
}

export class SalvageWalk {
  readonly #window: LogWindow;
  readonly #files: LogFiles;
  readonly #onBlock: (at: number, block: BlockHeader) => Promise<void>;
  /** One for each damaged segment. */
  readonly #damages: Damage[] = [];
  /** Number of the record behind the last one that was kept; 0 where none was. */
  #next = 0;
  /** What the header of a segment says of that number, as long as no block behind it does. */
  #claimedNext = 0;
  /** Bytes skipped since the last intact block. */
  #skipped = 0;
  #place: Place = { number: 0, path: '', offset: 0, records: 0 };
  #skippedIn = this.#place;
  /** The segment before, until a block of this one was kept. */
  #before: Place | undefined;

  constructor(window: LogWindow, files: LogFiles, onBlock: (at: number, block: BlockHeader) => Promise<void>) {
    this.#window = window;
    this.#files = files;
    this.#onBlock = onBlock;
  }

  /** Number of the first record to come: behind all that are known of. */
  get nextSequence(): number {
    const isClaimed = this.#next === 0 || isWithin(this.#claimedNext, this.#next, this.#lostMax(0));
    return Math.max(1, isClaimed ? this.#claimedNext : this.#next);
  }

  /** Oldest first. */
  get damages(): (Omit<LogDamage, 'keptAs'> & { readonly number: number })[] {
    const damages = this.#damages.map(({ place: { number, path, records }, offset, bytes, lost }) => {
      return { number, segment: path, offset, bytes, lost, salvaged: records };
    });
    return damages.sort((a, b) => a.number - b.number);
  }

  /** Walks the next segment. @throws StoreError KV_FORMAT_TOO_NEW; what `onBlock` throws */
  async segment(number: number, path: string): Promise<void> {
    const fd = this.#files.openRead(path);
    try {
      const size = this.#files.size(fd);
      this.#before = this.#place;
      this.#place = { number, path, offset: 0, records: 0 };
      this.#header(fd, size);
      await this.#blocks(fd, size);
    } finally {
      this.#files.close(fd);
    }
  }

  #header(fd: number, size: number): void {
    const header = this.#window.header(fd, this.#place.number);
    if (typeof header === 'string') {
      if (!this.#isZero(fd, 0, size)) this.#skip(0, Math.min(size, SEGMENT_HEADER_BYTES));
      return;
    }
    checkFormat(header, this.#place.path);
    this.#place.offset = SEGMENT_HEADER_BYTES;
    // in those of older versions no checksum covers it: a block that says otherwise is right
    this.#claimedNext = header.firstSequence;
  }

  async #blocks(fd: number, size: number): Promise<void> {
    let offset = await this.#intact(fd, SEGMENT_HEADER_BYTES, size);
    while (!this.#isZero(fd, offset, size)) {
      const found = this.#find(fd, offset, size);
      const end = found < 0 ? size : found;
      // not what is reserved ahead
      this.#skip(offset, found < 0 ? this.#window.endOfBytes(fd, offset, size) : found);
      offset = await this.#intact(fd, end, size);
    }
  }

  #skip(from: number, to: number): void {
    this.#damageOf(this.#place, from).bytes += to - from;
    this.#skipped += to - from;
    this.#skippedIn = this.#place;
  }

  #damageOf(place: Place, offset: number): Damage {
    const known = this.#damages.find((damage) => damage.place === place);
    if (known !== undefined) return known;
    const damage = { place, offset, bytes: 0, lost: 0 };
    this.#damages.push(damage);
    return damage;
  }

  /** Gives the blocks from here on to the replay, up to the first that is not intact; returns where that begins. */
  async #intact(fd: number, from: number, size: number): Promise<number> {
    const { offset } = await this.#window.walk(fd, from, size, {
      open: (at, endWord) => this.#open(at, endWord) ?? 'torn',
      take: (at, block, begin) => this.#take(at, block, begin),
    });
    return offset;
  }

  /** The block at a word of the window, if it is intact, and not older than what was kept. */
  #open(at: number, endWord: number): BlockHeader | undefined {
    const { words, bytes } = this.#window;
    const block = openBlock(words, bytes, at, endWord, this.#place.number);
    if (typeof block === 'string' || block.firstSequence < this.#next) return undefined;
    return holdsRecords(words, at, block) ? block : undefined;
  }

  async #take(at: number, block: BlockHeader, begin: number): Promise<void> {
    this.#tellLost(block.firstSequence);
    this.#before = undefined;
    this.#skipped = 0;
    this.#next = block.firstSequence + block.records;
    this.#claimedNext = 0;
    this.#place.records += block.records;
    await this.#onBlock(at, block);
    this.#place.offset = begin + block.bytes;
  }

  /** Counts the records that are missing before this number. */
  #tellLost(sequence: number): void {
    // where the segment's header can be believed, it tells what is missing before the segment from what is in it
    const isClaimed = isWithin(this.#claimedNext, this.#next, sequence - this.#next);
    const begin = isClaimed ? this.#claimedNext : this.#next;
    // the zeros that are reserved ahead hide what is missing at the end of a segment
    const before = this.#before ?? this.#place;
    if (this.#next > 0 && begin > this.#next) this.#damageOf(before, before.offset).lost += begin - this.#next;
    const lost = sequence - begin;
    if (lost <= 0 || (this.#next === 0 && lost > this.#lostMax(0))) return;
    const place = this.#skipped > 0 ? this.#skippedIn : before;
    this.#damageOf(place, place.offset).lost += lost;
  }

  /** Most records that may have been in what was skipped, and in so many bytes more. */
  #lostMax(bytes: number): number {
    return Math.floor((this.#skipped + bytes) / RECORD_HEADER_BYTES);
  }

  /** Whether a block behind so many more bytes may begin with this number. */
  #mayBeNext(sequence: number, bytes: number): boolean {
    if (this.#next === 0) return sequence > 0;
    const lostMax = this.#lostMax(bytes);
    if (isWithin(sequence, this.#next, lostMax)) return true;
    // the end of the segment before may be missing
    return this.#claimedNext >= this.#next && isWithin(sequence, this.#claimedNext, lostMax);
  }

  /** Where the next block begins behind the damaged one at `from`; -1 where there is none. */
  #find(fd: number, from: number, size: number): number {
    const window = this.#window;
    const { number } = this.#place;
    const filled = window.fill(fd, from, size);
    const damaged = filled < BLOCK_HEADER_BYTES ? undefined : claimedBlock(window.words, 0, number);
    if (damaged !== undefined && damaged.firstSequence === this.#next) {
      const behind = from + damaged.bytes;
      if (
        behind < size &&
        this.#open(0, window.fill(fd, behind, size) / 4)?.firstSequence === this.#next + damaged.records
      ) {
        return behind;
      }
    }
    return this.#search(fd, from, size);
  }

  #search(fd: number, from: number, size: number): number {
    const window = this.#window;
    for (let offset = from + 8; offset < size; ) {
      const filled = window.fill(fd, offset, size);
      const isEnd = offset + filled >= size || filled <= BLOCK_HEADER_BYTES;
      // a header that the view cuts off is looked at with the next one
      const end = isEnd ? filled : (filled - BLOCK_HEADER_BYTES) & ~7;
      let at = 0;
      for (; at < end / 4; at += 2) {
        const claimed = claimedBlock(window.words, at, this.#place.number);
        if (claimed === undefined || !this.#mayBeNext(claimed.firstSequence, offset + at * 4 - from)) continue;
        // all of it has to be in view
        if (!isEnd && at > 0 && at * 4 + claimed.bytes > filled) break;
        if (this.#open(at, filled / 4) !== undefined) return offset + at * 4;
      }
      if (isEnd) return -1;
      offset += at * 4;
    }
    return -1;
  }

  #isZero(fd: number, from: number, size: number): boolean {
    const window = this.#window;
    for (let offset = from; offset < size; ) {
      const filled = window.fill(fd, offset, size);
      for (let word = 0; word < filled / 4; word++) if (window.words[word] !== 0) return false;
      if (filled === 0) return true;
      offset += filled;
    }
    return true;
  }
}

const isWithin = (sequence: number, from: number, count: number): boolean =>
  sequence >= from && sequence <= from + count;
