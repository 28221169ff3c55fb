/**
 * A monotonic read of a partition that moves. It answers with what N-R+1 of the old holders have, and may be the only one that
 * knows: a write of unknown outcome, say, behind the pages that a new holder has copied. Soon R of the new list are asked. So
 * N-R+1 of those take it too before the read is answered, as writes go to both lists.
 */
import { Phase, type Placement } from '../src/actor/ports.js';
import type { NodeIndex } from '../src/core/ids.js';
import type { ReadAnswer, ReadDecision, ReadState } from '../src/core/read-quorum.js';
import { sameSet } from '../src/core/siblings.js';

export interface HandOn {
  readonly answer: ReadAnswer;
  readonly needed: number;
  holders: number;
  /** Who has neither confirmed nor failed. */
  readonly waiting: Set<NodeIndex>;
}

export const NOBODY: readonly NodeIndex[] = Object.freeze([]);

/** The new list of a partition whose new holders are still copying; nobody of any other. */
export function fillingFor({ n, next, phases }: Placement, partition: number): readonly NodeIndex[] {
  if (phases[partition] !== Phase.filling) return NOBODY;
  return [...next.subarray(partition * n, partition * n + n)] as NodeIndex[];
}

/** Whether there is anything to hand on. */
export const mustHandOn = (later: readonly NodeIndex[], { set }: ReadAnswer): boolean =>
  later.length > 0 && set.vector.length > 0;

export function startHandOn({ answers, options }: ReadState, later: readonly NodeIndex[], answer: ReadAnswer): HandOn {
  const has = (node: NodeIndex) => answers.some((one) => one.node === node && sameSet(one.set, answer.set));
  const waiting = new Set(later.filter((node) => !has(node)));
  return { answer, needed: options.n - options.r + 1, holders: later.length - waiting.size, waiting };
}

/** A node has taken it, or will not. */
export function confirmHandOn(state: HandOn, node: NodeIndex, isTaken: boolean): void {
  if (state.waiting.delete(node) && isTaken) state.holders++;
}

export function decideHandOn({ answer, needed, holders, waiting }: HandOn): ReadDecision {
  if (holders >= needed) return answer;
  return holders + waiting.size < needed ? { kind: 'unmet', needed, got: holders } : { kind: 'wait' };
}

/** Counts nodes that are down as failed; whether there were any. */
export function endHandOn(state: HandOn, isUp: (node: NodeIndex) => boolean): boolean {
  const down = [...state.waiting].filter((node) => !isUp(node));
  for (const node of down) state.waiting.delete(node);
  return down.length > 0;
}
