/**
 * What joins two hosts of a simulated world: lanes in both directions over one connection. A blocked direction holds its
 * messages up; blocked for too long, or cut on purpose, the connection breaks: both ends learn of it, what was under way
 * is lost or sent again by the next connection, which may also repeat what had arrived, if it is one that does. Within one connection each lane
 * keeps its order.
 */
import type { Lane } from './lane.js';
import type { Random } from './random.js';

export interface ConnectionParts {
  readonly random: Random;
  readonly nowMs: () => number;
  readonly schedule: (atMs: number, run: () => void) => void;
  /** Whether what had arrived may arrive once more, by the next connection. */
  readonly repeats: boolean;
  /** Both ends learn that it is there, or gone. */
  readonly onChange: () => void;
  readonly onEvent: (event: ConnectionEvent) => void;
}

/** What befalls a connection, or a message on it. */
export type ConnectionEvent = 'disconnect' | 'reconnect' | 'message lost' | 'message repeated';

/** A blocked direction breaks the connection within this time. */
const TIMEOUT_MS = [200, 3_000] as const;
/** Full jitter before a connection is tried again. */
const RETRY_MS_MAX = 100;
const REPEATS_MAX = 4;

export class Connection {
  isOpen = true;
  /** How many times as long as usual a message takes. */
  slowness = 1;
  #number = 0;
  #blocks = 0;
  readonly #parts: ConnectionParts;
  readonly #directions = [new Direction(), new Direction()] as const;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
  }

  /** `direction`: 0 from the lower host to the higher, 1 back. */
  add(lane: Lane, direction: 0 | 1): void {
    const { lanes, blocks } = this.#directions[direction];
    lanes.push(lane);
    lane.connection = this.#number;
    if (blocks > 0 || !this.isOpen) lane.block();
  }

  get isBlocked(): boolean {
    return this.#directions.some(({ blocks }) => blocks > 0);
  }

  /** Nothing arrives in this direction until the returned function is called; blocks add up. */
  block(direction: 0 | 1): () => void {
    const { random, nowMs, schedule } = this.#parts;
    const blocked = this.#directions[direction];
    if (blocked.blocks++ === 0) for (const lane of blocked.lanes) lane.block();
    const mark = ++this.#blocks;
    schedule(nowMs() + random.between(...TIMEOUT_MS), () => {
      if (this.isBlocked && mark === this.#blocks) this.cut();
    });
    let over = false;
    return () => {
      if (over) return;
      over = true;
      this.#unblock(blocked);
    };
  }

  #unblock(blocked: Direction): void {
    if (--blocked.blocks > 0) return;
    if (this.isOpen) for (const lane of blocked.lanes) lane.unblock();
    else this.#retry();
  }

  /** Breaks the connection; another one is made within this time, or when nothing blocks it. */
  cut(retryMsMax = RETRY_MS_MAX): void {
    if (!this.isOpen) return;
    const { random, onEvent, onChange } = this.#parts;
    this.isOpen = false;
    onEvent('disconnect');
    for (const direction of this.#directions) {
      for (const lane of direction.lanes) {
        const lost = lane.cut();
        lane.block();
        // a bridge may send what was not confirmed once more; one that does not has lost it
        if (lane.repeats && random.chance(0.5)) direction.again.set(lane, lost);
        else for (let i = 0; i < lost.length; i++) onEvent('message lost');
      }
    }
    onChange();
    this.#retry(retryMsMax);
  }

  #retry(retryMsMax = RETRY_MS_MAX): void {
    const { random, nowMs, schedule } = this.#parts;
    schedule(nowMs() + random.between(0, retryMsMax), () => {
      if (!this.isOpen && !this.isBlocked) this.#open();
    });
  }

  #open(): void {
    const { random, repeats, onEvent, onChange } = this.#parts;
    this.isOpen = true;
    this.#number++;
    onEvent('reconnect');
    for (const { lanes, again } of this.#directions) {
      for (const lane of lanes) {
        lane.blocked = false;
        const repeated = lane.begin(this.#number, {
          repeats: lane.repeats && random.chance(0.5) && repeats ? random.below(REPEATS_MAX + 1) : 0,
          again: again.get(lane) ?? [],
        });
        for (let i = 0; i < repeated; i++) onEvent('message repeated');
      }
      again.clear();
    }
    onChange();
  }
}

class Direction {
  blocks = 0;
  readonly lanes: Lane[] = [];
  /** What the broken connection lost and the next one sends again. */
  readonly again = new Map<Lane, readonly Int32Array<ArrayBuffer>[]>();
}
