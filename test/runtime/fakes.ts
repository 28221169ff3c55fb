/**
 * Stand-ins for what a thread's runtime is wired to: a store that notes what it is told, a placement of one node, and a
 * mailbox as an array. One journal keeps the order of everything.
 */
import type { HandlerScope, Store, TurnStorage } from '../../src/actor/ports.js';
import { RingView } from '../../src/actor/ring-view.js';
import { clock, partitionId, replicaId } from '../../src/core/ids.js';
import { firstRingState } from '../../src/core/ring-state.js';
import { putHeader } from '../../src/protocol/header.js';
import type { TurnReader } from '../../src/runtime/worker-loop.js';
import { ringOf } from '../../src/sim/ring-plan.js';

export class FakeStore implements Store, HandlerScope, TurnStorage {
  readonly words = new Int32Array(1024);
  readonly bytes = Buffer.from(this.words.buffer);
  readonly replica = replicaId(1);
  readonly refusal = 0;
  readonly forgets = 0;
  watch = undefined;
  readonly systemPartition = partitionId(8);
  nextCounter = 1;
  clock = clock(0);
  busy = false;
  pending = false;
  pauseMs = 0;
  turnBytes = 0;
  /** What handlers staged and did not undo, in order. */
  readonly staged: number[] = [];
  #mark = 0;
  commitFails: Error | undefined;

  constructor(readonly journal: string[]) {}

  find(): number {
    return -1;
  }

  reserve(bytes: number): number {
    this.turnBytes += bytes;
    return 0;
  }

  stage(at: number): void {
    this.staged.push(at);
  }

  forget(): boolean {
    return false;
  }

  requireSync(): void {
    this.journal.push('sync');
  }

  requireSyncSoon(): void {
    this.journal.push('sync soon');
  }

  page(): boolean {
    return false;
  }

  beginHandler(): void {
    this.#mark = this.staged.length;
  }

  undoHandler(): void {
    this.staged.length = this.#mark;
    this.journal.push('undo');
  }

  commit(): void {
    if (this.commitFails !== undefined) throw this.commitFails;
    this.turnBytes = 0;
    this.journal.push('commit');
  }

  publish(): void {
    this.journal.push('publish');
  }

  maintain(): void {
    this.journal.push('maintain');
  }
}

export const placement = new RingView({
  ring: firstRingState(ringOf({ weights: [1], n: 1, partitions: 8 })),
  isUp: () => true,
});

/** A mailbox of messages given at once; `release` is noted in the journal. */
export class FakeReader implements TurnReader {
  readonly words = new Int32Array(512 * 1024);
  readonly bytes = Buffer.from(this.words.buffer);
  #head = 0;
  #tail = 0;

  constructor(
    readonly name: string,
    readonly journal: string[],
  ) {}

  send(tag: number, to: number, request: number, bytes = 32): void {
    putHeader(this.words, this.#tail, tag, bytes, to, 0, request);
    this.#tail += bytes / 4;
  }

  next(): number {
    if (this.#head === this.#tail) return -1;
    const at = this.#head;
    this.#head += (this.words[at] & 0xff_ff_ff) / 4;
    return at;
  }

  /** Answers `hasMail` where set. */
  hasMailNow: (() => boolean) | undefined;

  get hasMail(): boolean {
    if (this.hasMailNow !== undefined) return this.hasMailNow();
    return this.#head !== this.#tail;
  }

  release(): void {
    this.journal.push(`release ${this.name}`);
  }
}
