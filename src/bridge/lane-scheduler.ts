/**
 * The lanes of one connection as its sender sees them: which block leaves next. Control first, always; of requests and bulk
 * four to one, so that a handoff gives way and still gets on; nothing beyond its lane's credit.
 */
import { Head } from '../protocol/header.js';
import { MESSAGES, NAME_OF_TAG } from '../protocol/messages.js';
import type { Block, BlockPool } from './block-pool.js';
import { CreditWindow } from './credit.js';
import { isFence, LANES, Lane } from './lane.js';
import { LaneQueue, type PutOptions } from './lane-queue.js';
import { CREDIT_BYTES, LANE_BYTES_MAX, REQUEST_FRAMES_PER_BULK } from './limits.js';

/** Of each tag. */
const OPTIONS_OF: readonly PutOptions[] = NAME_OF_TAG.map((name) => ({
  isReply: name !== undefined && MESSAGES[name].kind === 'reply',
}));

export class LaneScheduler {
  readonly queues: readonly LaneQueue[];
  readonly windows: readonly CreditWindow[];
  #requestsInARow = 0;

  constructor(pool: BlockPool) {
    this.queues = LANE_BYTES_MAX.map((bytesMax) => new LaneQueue(bytesMax, pool));
    this.windows = CREDIT_BYTES.map((window) => new CreditWindow(window));
  }

  /** Copies the message behind what waits on its lane; false where that is full. */
  put(lane: Lane, words: Int32Array, at: number): boolean {
    const word = words[at + Head.size];
    const options = isFence(word >>> 24) ? { behind: this.queues.map(({ begun }) => begun) } : OPTIONS_OF[word >>> 24];
    return this.queues[lane].put(words, at, word & 0xff_ff_ff, options);
  }

  /** The lane whose next block may leave now. */
  nextLane(): Lane | undefined {
    if (this.#mayLeave(Lane.control)) return Lane.control;
    const [first, second] =
      this.#requestsInARow < REQUEST_FRAMES_PER_BULK ? [Lane.requests, Lane.bulk] : [Lane.bulk, Lane.requests];
    if (this.#mayLeave(first)) return first;
    return this.#mayLeave(second) ? second : undefined;
  }

  #mayLeave(lane: Lane): boolean {
    const block = this.queues[lane].next;
    if (block === undefined || !this.windows[lane].allows(block.bodyBytes)) return false;
    const { behind } = block;
    for (let other = 0; other < behind.length; other++) {
      if (other !== lane && ((this.queues[other].left - behind[other]) | 0) < 0) return false;
    }
    return true;
  }

  /** Takes the next block of a lane that `nextLane` named. */
  take(lane: Lane): Block {
    const block = this.queues[lane].take();
    this.windows[lane].spend(block.bodyBytes);
    if (lane === Lane.requests) this.#requestsInARow++;
    else if (lane === Lane.bulk) this.#requestsInARow = 0;
    return block;
  }

  get hasWork(): boolean {
    for (let lane = 0; lane < LANES; lane++) if (this.queues[lane].next !== undefined) return true;
    return false;
  }

  /** Drops everything that waits; see LaneQueue.clear. */
  clear(lost: (words: Int32Array, at: number) => void): void {
    for (const queue of this.queues) queue.clear(lost);
  }
}
