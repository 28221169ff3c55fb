/**
 * How the ring comes to know that a node which has left has nothing to deliver any more: the node says so itself, as long as
 * it is one of the ring's leavers, and the first member that is up has that decided like any other ring. Until then no
 * tombstone is collected anywhere, since a hint of the node may speak of an older value; from then on no replica takes
 * anything from it (actors/vnode.ts), so what it still has, or has on its way, can bring nothing back.
 *
 * One that is away for long is given up: what only it had is lost, as if it had ended before.
 */
import type { Env } from '../src/actor/env.js';
import type { NodeIndex } from '../src/core/ids.js';
import { retire } from '../src/core/ring-hosts.js';
import type { RingState } from '../src/core/ring-state.js';

/** Whether the node has hints or notes; as long as that is not known it owes something. */
export interface Debts {
  owes: boolean;
  /** Whether the node is about to end for good, whatever it owes; not while left out. */
  readonly isReleased?: () => boolean;
}

/** What says whether a leaver is there. */
export interface LeaversEnv extends Pick<Env, 'nowMs'> {
  readonly placement: Pick<Env['placement'], 'isUp'>;
}

/** Requests that were on their way to a node when it left may leave it with hints. */
const REQUESTS_MS = 5_000;
const AWAY_MS_MAX = 600_000;

export class RingLeavers {
  readonly #debts: Debts;
  /** When this node saw that it has left. */
  #leftAtMs: number | undefined;
  /** Leavers that have said that they are done. */
  readonly #done = new Set<NodeIndex>();
  /** When each leaver was last seen up. */
  readonly #seenAtMs = new Map<NodeIndex, number>();

  constructor(debts: Debts) {
    this.#debts = debts;
  }

  /**
   * Another ring. Who was done stays so where this one follows at once and it still is a leaver: it may be gone by now. Behind
   * a gap it may have joined and left again; if it is done, it says so again. The same holds for when it was last seen.
   */
  begin(ring: RingState, before: RingState): void {
    const follows = ring.epoch === before.epoch + 1;
    for (const known of [this.#done, this.#seenAtMs]) {
      for (const node of known.keys()) if (!follows || !ring.leavers.includes(node)) known.delete(node);
    }
  }

  /** Leavers that have nothing more to deliver, as far as this node knows; it may be one itself. */
  done(ring: RingState, env: Pick<Env, 'node' | 'nowMs'>): NodeIndex[] {
    if (!ring.leavers.includes(env.node)) this.#leftAtMs = undefined;
    else {
      this.#leftAtMs ??= env.nowMs();
      const { owes, isReleased = () => false } = this.#debts;
      const isDone = isReleased() || (!owes && ageMs(this.#leftAtMs, env) >= REQUESTS_MS);
      if (isDone) this.#done.add(env.node);
      else this.#done.delete(env.node);
    }
    return [...this.#done];
  }

  /** What others say under the ring that this node knows, or under the one before it. */
  hear(done: readonly NodeIndex[], epoch: number, ring: RingState): void {
    if (epoch !== ring.epoch && epoch !== ring.epoch - 1) return;
    for (const node of done) if (ring.leavers.includes(node)) this.#done.add(node);
  }

  /** The ring to propose in which those are retired that are done, or have been away for long; to be asked now and then. */
  next(ring: RingState, env: LeaversEnv): RingState | undefined {
    const { leavers } = ring;
    const retiring = leavers.filter((node) => {
      if (env.placement.isUp(node) || !this.#seenAtMs.has(node)) this.#seenAtMs.set(node, env.nowMs());
      return this.#done.has(node) || ageMs(this.#seenAtMs.get(node) ?? env.nowMs(), env) > AWAY_MS_MAX;
    });
    return retire(ring, retiring);
  }
}

/** Unsigned: what is waited for may take longer than half a lap of the clock. */
const ageMs = (sinceMs: number, env: Pick<Env, 'nowMs'>): number => (env.nowMs() - sinceMs) >>> 0;
