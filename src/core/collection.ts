/**
 * One collection of dead records (tombstones, expired values), as the owner of their partition sees it: forgotten for good
 * only when nobody holds, or is about to be sent, anything older. Never by a timer: a node that is away holds it up.
 *
 *   confirm   every member: this very record is on my disk, or I hold nothing of the key and no hint; from now on I take
 *             nothing that it covers
 *   flush     every node, once the reads that were open have ended, on every channel: all that I sent earlier is before this
 *   collect   everybody forgets exactly these records
 *
 * A member that restarts in between has lost its promise, and what was on its way to it may come yet: all is given up.
 */
import type { NodeIndex } from './ids.js';

export type CollectionPhase = 'confirm' | 'flush' | 'collect' | 'void';

export interface Collection {
  readonly members: readonly NodeIndex[];
  /** Which of the records every member so far has confirmed. */
  readonly agreed: readonly boolean[];
  /** Life of each member that has confirmed. */
  readonly lives: ReadonlyMap<NodeIndex, number>;
  /** Channels that are flushed, as sender * 65,536 + receiver. */
  readonly flushed: ReadonlySet<number>;
  readonly isVoid: boolean;
}

export function startCollection(members: readonly NodeIndex[], records: number): Collection {
  const agreed = new Array<boolean>(records).fill(true);
  return { members, agreed, lives: new Map(), flushed: new Set(), isVoid: false };
}

/** A member says which of the records it confirms. */
export function addConfirmation(
  state: Collection,
  { node, life, confirms }: { readonly node: NodeIndex; readonly life: number; readonly confirms: readonly boolean[] },
): Collection {
  if (!state.members.includes(node) || confirms.length !== state.agreed.length) return state;
  if (state.lives.has(node)) return state;
  const agreed = state.agreed.map((is, index) => is && confirms[index]);
  return { ...state, agreed, lives: new Map(state.lives).set(node, life) };
}

/** A member says that another one's flush has reached it. */
export function addFlush(
  state: Collection,
  { from, to, life }: { readonly from: NodeIndex; readonly to: NodeIndex; readonly life: number },
): Collection {
  if (state.lives.get(to) !== life) return { ...state, isVoid: true };
  return { ...state, flushed: new Set(state.flushed).add(from * 0x1_0000 + to) };
}

/** What the collection waits for; void where nothing is left to collect. */
export function phaseOf({ members, agreed, lives, flushed, isVoid }: Collection): CollectionPhase {
  if (isVoid || !agreed.includes(true)) return 'void';
  if (lives.size < members.length) return 'confirm';
  return flushed.size < members.length ** 2 ? 'flush' : 'collect';
}
