/**
 * Moves what is still alive among old dirty records to the head of the log, so that the log before it can be dropped
 * without the base table (segment cleaning: Rosenblum and Ousterhout 1992, section 3.4). It is chosen over a flush where
 * most of what was written has been overwritten since: copying a record within the arena costs a hundredth of writing
 * it to the tree.
 *
 * A step for each turn moves a bounded number of bytes, as logged records with the dots that they have. When the last one
 * is in the log and synced, the mark becomes `flushed` and the segments before it are dropped.
 */
import { Rec, sizeOf } from '../protocol/record.js';
import { wordOf } from './arena.js';
import type { DirtyList } from './dirty-list.js';
import type { Engine } from './engine.js';

/** Where a compaction stands. */
interface Progress {
  /** Records before this position are moved. */
  readonly mark: number;
  readonly segment: number;
  /** Bytes that it may move: where more is alive, a flush is the better way out. */
  bytesLeft: number;
  partition: number;
  index: number;
  /** Sequence number behind the last moved record; 0 while some are left. */
  movedSequence: number;
}

/** Records that are looked at together. */
const GROUP = 32;

export class Compactor {
  compactions = 0;
  readonly #engine: Engine;
  readonly #partitions: number;
  readonly #hashes = new Int32Array(GROUP);
  #progress: Progress | undefined;

  constructor(engine: Engine, partitions: number) {
    this.#engine = engine;
    this.#partitions = partitions;
  }

  /** Bytes that the last step moved; the log grows by them with the next turn. */
  stepBytes = 0;

  /** Whether there is something left to move; then it waits for the log's sync. */
  get moving(): boolean {
    return this.#progress?.movedSequence === 0;
  }

  get running(): boolean {
    return this.#progress !== undefined;
  }

  start(): void {
    const { arena, log, dirtyBytes } = this.#engine;
    this.stepBytes = 0;
    const bytesLeft = dirtyBytes / 2;
    this.#progress = {
      mark: arena.published,
      segment: log.segment,
      bytesLeft,
      partition: 0,
      index: 0,
      movedSequence: 0,
    };
  }

  /** Moves up to `bytesMax`; call it between turns. Returns false where the arena has no room or too much is alive: a flush has to help. */
  step(bytesMax: number): boolean {
    const progress = this.#progress;
    this.stepBytes = 0;
    if (progress === undefined) return true;
    if (progress.movedSequence > 0) {
      this.#finish(progress);
      return true;
    }
    let left = bytesMax;
    this.#engine.beginHandler();
    while (progress.partition < this.#partitions) {
      const moved = this.#movePartition(progress, left);
      if (moved < 0 || progress.bytesLeft < 0) {
        this.#progress = undefined;
        return false;
      }
      left -= moved;
      this.stepBytes += moved;
      if (left <= 0) return true;
    }
    progress.movedSequence = this.#engine.nextCounter;
    return true;
  }

  /** Moves records of one partition until it is done or `bytesMax` are moved; bytes moved, or -1 without room. */
  #movePartition(progress: Progress, bytesMax: number): number {
    const { words, flusher, index } = this.#engine;
    const list = flusher.fresh.of(progress.partition);
    let moved = 0;
    for (;;) {
      const count = this.#load(list, progress);
      for (let i = 0; i < count; i++) {
        const position = list.at(progress.index);
        const at = wordOf(position);
        if (index.slotOf(this.#hashes[i], position) >= 0) {
          if (moved >= bytesMax) return moved;
          if (!this.#engine.moveToHead(at)) return -1;
          moved += sizeOf(words, at);
          progress.bytesLeft -= sizeOf(words, at);
        }
        progress.index++;
      }
      if (count < GROUP) break;
    }
    flusher.dropFirst(progress.partition, progress.index);
    progress.partition++;
    progress.index = 0;
    return moved + 1;
  }

  /**
   * The hashes of the next records before the mark, at most a group; how many there are. Records and slots lie all over the
   * memory: those of a group are waited for together.
   */
  #load(list: DirtyList, { index: first, mark }: Progress): number {
    const { words, index } = this.#engine;
    const hashes = this.#hashes;
    let count = 0;
    while (count < GROUP && first + count < list.length) {
      const position = list.at(first + count);
      if (((position - mark) | 0) >= 0) break;
      hashes[count++] = words[wordOf(position) + Rec.keyHash];
    }
    let seen = 0;
    for (let i = 0; i < count; i++) seen ^= index.touch(hashes[i]);
    this.#engine.preloaded = seen;
    return count;
  }

  /** Waits until the moved records are synced, which the records that they stand for may have been. */
  #finish(progress: Progress): void {
    const { log, flusher } = this.#engine;
    if (log.syncedSequence < progress.movedSequence) {
      if (!log.busy) log.syncLater();
      return;
    }
    this.#progress = undefined;
    flusher.advance(progress.mark);
    log.dropBefore(progress.segment);
    this.compactions++;
  }
}
