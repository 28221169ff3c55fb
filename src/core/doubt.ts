/**
 * When a replica that may have lost acknowledged writes counts again. Each such write was confirmed by W of N replicas, so
 * any N-W+1 others hold it between them; a replica that has merged what so many hold lacks nothing. A replica in doubt
 * itself does not stand for its part, and one that is away may. Whoever fails is asked again behind all others, which may
 * be enough. What one in doubt holds is taken only where too few may count: it may have come with a disk from the past.
 *
 *   N=3 W=2   one of three in doubt: compares with the two others, then counts
 *             all three in doubt (power failed): compares with both, then counts, and writes may be lost
 *             two in doubt, one away: at most one can count, two are needed: as above, with the one that is there
 */
import type { NodeIndex } from './ids.js';

/** What a replica in doubt knows of another holder of the partition. */
export interface DoubtPeer {
  readonly node: NodeIndex;
  /** Unknown: not compared with yet. Doubts: what it holds may long be deleted. Away: cannot be asked now. */
  readonly state: 'unknown' | 'counts' | 'doubts' | 'away';
  /** Whether everything that it holds was merged, since the doubt began. */
  readonly isMerged: boolean;
  /** Comparisons with it that have failed since one has not. */
  readonly failures: number;
}

export type DoubtStep =
  | { readonly kind: 'compare'; readonly node: NodeIndex }
  /** Who might count is away. */
  | { readonly kind: 'wait' }
  | { readonly kind: 'settled'; readonly mayBeLost: boolean };

/** What a replica in doubt does next. */
export function decideDoubt(
  quorum: { readonly n: number; readonly w: number },
  peers: readonly DoubtPeer[],
): DoubtStep {
  const needed = quorum.n - quorum.w + 1;
  const merged = peers.filter(({ state, isMerged }) => isMerged && state === 'counts').length;
  if (merged >= needed) return { kind: 'settled', mayBeLost: false };
  const open = peers.filter(({ state, isMerged }) => !isMerged && state !== 'away');
  const isBetter = (peer: DoubtPeer, than: DoubtPeer): boolean =>
    isInDoubt(peer) === isInDoubt(than) ? peer.failures < than.failures : isInDoubt(than);
  const next = open.length === 0 ? undefined : open.reduce((best, peer) => (isBetter(peer, best) ? peer : best));
  if (next !== undefined && !isInDoubt(next)) return { kind: 'compare', node: next.node };
  const mayCount = peers.filter(({ state }) => state === 'counts' || state === 'away').length;
  if (mayCount >= needed) return { kind: 'wait' };
  return next === undefined ? { kind: 'settled', mayBeLost: true } : { kind: 'compare', node: next.node };
}

const isInDoubt = ({ state }: DoubtPeer): boolean => state === 'doubts';
