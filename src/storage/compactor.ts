/**
 * Moves what is still alive among old dirty records to the head of the log, so that the log before it can be dropped
 * without the base table (segment cleaning: Rosenblum and Ousterhout 1992, section 3.4). It is chosen over a flush where
 * most of what was written has been overwritten since: copying a record within the arena costs a hundredth of writing
 * it to the tree.
 *
 * What is alive is what the index names, so it is the index that is walked: that costs nothing for what was overwritten. A
 * step for each turn looks at a bounded number of slots and moves a bounded number of bytes, as logged records with the dots
 * that they have. When the last one is in the log and synced, the mark becomes `flushed`, the segments before it are dropped,
 * and the arena before it is given up in one piece.
 */
import { Rec, sizeOf } from '../protocol/record.js';
import { COPY_OF_BASE, wordOf } from './arena.js';
import type { Engine } from './engine.js';

/** Where a compaction stands. */
interface Progress {
  /** It moves what is between here and the mark. */
  readonly start: number;
  readonly mark: number;
  readonly segment: number;
  /** Bytes that it may move: where more is alive, a flush is the better way out. */
  bytesLeft: number;
  /** Once everything is moved, nothing is alive between `start` and here. */
  deadEnd: number;
  /** Next partition whose list of dirty records is cut. */
  partition: number;
  /** Sequence number behind the last moved record; 0 while some are left. */
  movedSequence: number;
}

/** Records that are looked at together. */
const GROUP = 32;
/** Slots looked at in one step: at least these, and one for so many bytes that may be moved. */
const SLOTS = 4_096;
const BYTES_PER_SLOT = 8;
/** Lists cut in one step. */
const LISTS = 32;

export class Compactor {
  compactions = 0;
  /** Bytes that the last step moved; the log grows by them with the next turn. */
  stepBytes = 0;
  readonly #engine: Engine;
  readonly #partitions: number;
  readonly #positions = new Uint32Array(GROUP);
  #progress: Progress | undefined;

  constructor(engine: Engine, partitions: number) {
    this.#engine = engine;
    this.#partitions = partitions;
  }

  /** Whether there is something left to move; then it waits for the log's sync. */
  get moving(): boolean {
    return this.#progress?.movedSequence === 0;
  }

  get running(): boolean {
    return this.#progress !== undefined;
  }

  start(): void {
    const { arena, log, dirtyBytes, flusher, index } = this.#engine;
    this.stepBytes = 0;
    index.beginSweep();
    this.#progress = {
      start: flusher.flushed,
      mark: arena.published,
      segment: log.segment,
      bytesLeft: dirtyBytes / 2,
      deadEnd: arena.published,
      partition: 0,
      movedSequence: 0,
    };
  }

  /**
   * Moves up to about `bytesMax`; call it between turns. Returns false where the arena has no room or too much is alive: a
   * flush has to help.
   */
  step(bytesMax: number): boolean {
    const progress = this.#progress;
    this.stepBytes = 0;
    if (progress === undefined) return true;
    if (progress.movedSequence > 0) this.#finish(progress);
    else if (!this.#engine.index.isSwept) return this.#move(progress, bytesMax);
    else this.#cutLists(progress);
    return true;
  }

  #move(progress: Progress, bytesMax: number): boolean {
    const { index } = this.#engine;
    const positions = this.#positions;
    this.#engine.beginHandler();
    let slots = Math.max(SLOTS, bytesMax / BYTES_PER_SLOT);
    while (slots > 0 && !index.isSwept && this.stepBytes < bytesMax) {
      const before = index.sweepAt;
      const count = index.sweep(progress.start, progress.mark, positions, GROUP, slots);
      slots -= index.sweepAt - before;
      this.#preload(count);
      for (let i = 0; i < count; i++) {
        if (this.#moveOne(progress, positions[i])) continue;
        this.#progress = undefined;
        return false;
      }
    }
    return true;
  }

  /** The records of a group lie all over the memory: they are waited for together. */
  #preload(count: number): void {
    const { words } = this.#engine;
    let seen = 0;
    for (let i = 0; i < count; i++) seen ^= words[wordOf(this.#positions[i])];
    this.#engine.preloaded = seen;
  }

  /** Moves a record unless the base table has it; false where there is no room, or too much is alive. */
  #moveOne(progress: Progress, position: number): boolean {
    const engine = this.#engine;
    const at = wordOf(position);
    if (engine.words[at + Rec.previous] === COPY_OF_BASE) {
      if (((position - progress.deadEnd) | 0) < 0) progress.deadEnd = position;
      return true;
    }
    const bytes = sizeOf(engine.words, at);
    this.stepBytes += bytes;
    progress.bytesLeft -= bytes;
    return progress.bytesLeft >= 0 && engine.moveToHead(at);
  }

  #cutLists(progress: Progress): void {
    const { flusher, nextCounter } = this.#engine;
    const end = Math.min(this.#partitions, progress.partition + LISTS);
    while (progress.partition < end) flusher.dropBefore(progress.partition++, progress.mark);
    if (end === this.#partitions) progress.movedSequence = nextCounter;
  }

  /** Waits until the moved records are synced, which the records that they stand for may have been. */
  #finish(progress: Progress): void {
    const { log, flusher, reclaimer } = this.#engine;
    if (log.syncedSequence < progress.movedSequence) {
      if (!log.busy) log.syncLater();
      return;
    }
    this.#progress = undefined;
    flusher.compacted(progress.mark, progress.segment, progress.movedSequence);
    reclaimer.giveUp(progress.start, progress.deadEnd);
    this.compactions++;
  }
}
