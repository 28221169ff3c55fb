/**
 * When the others have said enough of a key for their records to take the place of one that this node cannot read. Each
 * acknowledged write was confirmed by W of N replicas, so any N-W+1 of them hold it between them (as after a loss,
 * core/doubt.ts); where so few others exist, all of them say all that can be known.
 *
 *   N=3 W=2   both others        N=3 W=3   one of them        N=5 W=3   three of four        N=1   nobody to ask
 */
import type { NodeIndex } from './ids.js';

/** A holder besides this node, and how it stands with its answer. */
export interface MendPeer {
  readonly node: NodeIndex;
  /** Unreadable: its own record is damaged too. Away: down. */
  readonly state: 'answered' | 'asked' | 'unreadable' | 'away';
}

export interface MendOptions {
  readonly n: number;
  /** The smallest W of writes. */
  readonly w: number;
  /** Waits no longer for those that are not needed. */
  readonly isLate: boolean;
}

/** KV_CORRUPT: too few can read theirs, or nobody else is to hold it. KV_UNAVAILABLE: too many are away. */
export type MendState = 'wait' | 'settled' | 'KV_CORRUPT' | 'KV_UNAVAILABLE';

export interface MendStep {
  readonly state: MendState;
  /** Answers of others; those that may come, too, where they are too few. */
  readonly needed: number;
  readonly got: number;
}

/** What comes of it, as far as the others have answered. */
export function decideMend({ n, w, isLate }: MendOptions, others: readonly MendPeer[]): MendStep {
  const count = (state: MendPeer['state']) => others.filter((other) => other.state === state).length;
  const needed = Math.min(others.length, n - w + 1);
  const [got, asked] = [count('answered'), count('asked')];
  const step = (state: MendState): MendStep => ({ state, needed, got });
  if (others.length - count('unreadable') < Math.max(1, needed)) return step('KV_CORRUPT');
  if (got >= needed) return step(asked === 0 || isLate ? 'settled' : 'wait');
  return got + asked >= needed ? step('wait') : { state: 'KV_UNAVAILABLE', needed, got: got + asked };
}
