/**
 * The circle of memory that holds every hot record, in the order in which they were written (a log-structured cache:
 * Rosenblum and Ousterhout 1992, with CLOCK at the tail).
 *
 *      reclaimed             flushed        published    head
 *   ....|== clean or dead ====|== dirty =====|= staged ===|........ (wraps)
 *
 * A *position* is an unsigned 32-bit number: lap (3 bits) | unit of 8 bytes within the arena (29 bits). Positions grow
 * with time, so `(a - b) | 0` orders any two that are less than four laps apart, and live ones are less than one apart.
 * Unit 0 to 3 stay unused: position 0 means none. The last bytes are spare, no part of the circle: see cold-reads.ts. What the turn writes lies in one piece, laid out as log blocks, so the
 * commit log writes it to disk as it stands.
 */
import { assert } from '../core/errors.js';
import { Flag } from '../protocol/record.js';
import { Control, type NodeMemory } from './node-memory.js';

const FIRST_UNIT = 4;
const UNIT_MASK = 0x1fff_ffff;
const LAP_BITS = 29;
/** Most units of one pad: its size has 24 bits, in bytes. */
const PAD_UNITS_MAX = 0xff_ff_f8 >>> 3;

/** Spare bytes: this share of the arena, and where it is small as much as records of the default size need. */
const SPARE_SHARE = 1 / 64;
const SPARE_BYTES_MIN = 16 * 1024;
const SPARE_SHARE_MAX = 1 / 8;

/** Instead of the position of what a record supersedes: it is a copy of what the base table has. */
export const COPY_OF_BASE = 1;

/** Word index of a position. */
export const wordOf = (position: number): number => (position & UNIT_MASK) << 1;

export class Arena {
  readonly words: Int32Array;
  readonly bytes: Buffer;
  readonly capacityUnits: number;
  /** Where the spare bytes begin, and how many there are. */
  readonly spareWord: number;
  readonly spareBytes: number;
  readonly #control: Int32Array;
  #lap: number;
  #headUnit = FIRST_UNIT;
  #reclaimLap: number;
  #reclaimUnit = FIRST_UNIT;

  /** Takes the memory over: whatever a former thread left in it is no longer reachable. */
  constructor(memory: NodeMemory) {
    this.words = new Int32Array(memory.arena);
    this.bytes = Buffer.from(memory.arena);
    const { byteLength } = memory.arena;
    const spare = Math.max(byteLength * SPARE_SHARE, Math.min(SPARE_BYTES_MIN, byteLength * SPARE_SHARE_MAX));
    this.capacityUnits = (byteLength - spare) >>> 3;
    this.spareWord = this.capacityUnits * 2;
    this.spareBytes = byteLength - this.capacityUnits * 8;
    this.#control = new Int32Array(memory.control);
    // Atomics: two laps on, so that readers of the former incarnation notice, before anything is overwritten.
    this.#lap = Atomics.add(this.#control, Control.laps, 2) + 2;
    this.#reclaimLap = this.#lap;
    const start = this.#position(this.#lap, FIRST_UNIT);
    Atomics.store(this.#control, Control.published, start); // Atomics: seq_cst; nothing is published yet
    Atomics.store(this.#control, Control.reclaimed, start); // Atomics: seq_cst, after laps
  }

  #position(lap: number, unit: number): number {
    return (((lap & 7) << LAP_BITS) | unit) >>> 0;
  }

  /** Position behind everything written. */
  get head(): number {
    return this.#position(this.#lap, this.#headUnit);
  }

  /** Position of the oldest bytes that are intact. */
  get tail(): number {
    return this.#position(this.#reclaimLap, this.#reclaimUnit);
  }

  get published(): number {
    return this.#control[Control.published] >>> 0;
  }

  /** Units in use, between tail and head. */
  get usedUnits(): number {
    return (this.#lap - this.#reclaimLap) * this.capacityUnits + this.#headUnit - this.#reclaimUnit;
  }

  /** Units from the tail to a position that is not behind the head; 0 for one that the tail has passed. */
  unitsFromTail(position: number): number {
    const tail = this.tail;
    if (((position - tail) | 0) <= 0) return 0;
    const distance = (position & UNIT_MASK) - (tail & UNIT_MASK);
    return position >>> LAP_BITS === tail >>> LAP_BITS ? distance : distance + this.capacityUnits;
  }

  /** Units that can be written before the head meets the tail. */
  get freeUnits(): number {
    return this.capacityUnits - FIRST_UNIT - this.usedUnits;
  }

  /** The position of the record at this word index, which must be live. */
  positionAt(word: number): number {
    const unit = word >>> 1;
    return this.#position(unit < this.#headUnit ? this.#lap : this.#lap - 1, unit);
  }

  /** True where this many units fit before the end of the lap. */
  fitsLap(units: number): boolean {
    return this.#headUnit + units <= this.capacityUnits;
  }

  /** Units lost when the next record of this size has to start a new lap; 0 where it fits. */
  padUnits(units: number): number {
    return this.fitsLap(units) ? 0 : this.capacityUnits - this.#headUnit + FIRST_UNIT;
  }

  /** Takes the next units and returns their word index. The caller has made room and wrapped. */
  push(units: number): number {
    assert(this.freeUnits >= units && this.fitsLap(units), 'the arena has room for what is pushed');
    const word = this.#headUnit << 1;
    this.#headUnit += units;
    return word;
  }

  /** Fills the rest of the lap and begins the next one. */
  wrap(): void {
    while (this.#headUnit < this.capacityUnits) {
      const units = Math.min(this.capacityUnits - this.#headUnit, PAD_UNITS_MAX);
      this.words[this.#headUnit << 1] = (units << 3) | (Flag.pad << 24);
      this.#headUnit += units;
    }
    this.#lap++;
    this.#headUnit = FIRST_UNIT;
    Atomics.store(this.#control, Control.laps, this.#lap); // Atomics: seq_cst, before any byte of the new lap
  }

  /** Everything up to the head becomes visible to all threads at once. */
  publish(): void {
    // Atomics: release; the records before it are complete, the log write behind us
    Atomics.store(this.#control, Control.published, this.head);
  }

  /** Gives up the oldest `units`; readers that still copy them will notice. Visible after `releaseTail`. */
  advanceTail(units: number): void {
    this.#reclaimUnit += units;
    if (this.#reclaimUnit >= this.capacityUnits) {
      this.#reclaimLap++;
      this.#reclaimUnit = FIRST_UNIT;
    }
  }

  /** Gives up everything before this position, which is that of a record. Visible after `releaseTail`. */
  moveTailTo(position: number): void {
    const unit = position & UNIT_MASK;
    if (unit < this.#reclaimUnit) this.#reclaimLap++;
    this.#reclaimUnit = unit;
    // where the lap ends exactly there, the tail begins the next one
    this.advanceTail(0);
  }

  /** Tells the readers how far the tail has come; before any freed byte is overwritten. */
  releaseTail(): void {
    // Atomics: RMW, a full fence: no later store of ours to the freed bytes may pass it
    Atomics.exchange(this.#control, Control.reclaimed, this.tail);
  }
}
