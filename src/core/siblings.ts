/**
 * Dotted version vector sets: the record of a key, its concurrent values and what they have replaced.
 *
 *   vector   {A:7, B:3}              every write that this record knows of
 *   siblings (A,7) "x"  (B,2) "y"    those of them that nothing has replaced; (B,3) and (A,1..6) are gone
 *
 * Almeida, Baquero, Goncalves, Preguica, Fonte, "Scalable and Accurate Causality Tracking for Eventually Consistent
 * Stores", DAIS 2014, section 5 (sync, update, discard); the anonymous list of that paper is not needed here.
 */
import { assert, StoreError } from './errors.js';
import type { Clock } from './ids.js';
import {
  compareVectors,
  covers,
  type Dot,
  emptyVector,
  mergeVectors,
  sameDot,
  type VersionVector,
  withDot,
} from './version-vector.js';

/** One value that nothing seen so far has replaced. */
export interface Sibling {
  readonly dot: Dot;
  /** Hybrid clock of the write; greater is newer. */
  readonly clock: Clock;
  /** Milliseconds since 1970 from which the value counts as absent; 0 is never. */
  readonly expiresAtMs: number;
  readonly tombstone: boolean;
  /** Value type, as the client encodes it. */
  readonly tag: number;
  readonly value: Uint8Array;
}

/** The record of a key. The vector covers every sibling's dot; siblings stand newest first. */
export interface SiblingSet {
  readonly vector: VersionVector;
  /** By clock, greatest first, then by dot (replica, counter). */
  readonly siblings: readonly Sibling[];
}

const EMPTY: SiblingSet = Object.freeze({ vector: emptyVector(), siblings: Object.freeze([]) });

/** The record of a key that was never written; always the same object. */
export function emptySet(): SiblingSet {
  return EMPTY;
}

/**
 * Joins two records: a sibling stays if both hold it, or if the side that lacks it has not seen it.
 * Commutative, associative, idempotent; returns an argument itself where that is the result.
 */
export function mergeSets(a: SiblingSet, b: SiblingSet): SiblingSet {
  if (a === b || b.vector.length === 0) return a;
  if (a.vector.length === 0) return b;
  if (sameSet(a, b)) return settleSame(a, b);
  const siblings: Sibling[] = [];
  for (const sibling of a.siblings) {
    const twin = findDot(b.siblings, sibling.dot);
    if (twin !== undefined) siblings.push(settleTwins(sibling, twin));
    else if (!covers(b.vector, sibling.dot)) siblings.push(sibling);
  }
  for (const sibling of b.siblings) {
    if (!covers(a.vector, sibling.dot)) siblings.push(sibling);
  }
  const vector = mergeVectors(a.vector, b.vector);
  if (vector === a.vector && sameMembers(siblings, a.siblings)) return a;
  if (siblings.length > 1) siblings.sort(newestFirst);
  if (vector === b.vector && sameMembers(siblings, b.siblings)) return b;
  return { vector, siblings };
}

/**
 * Adds a new write. Without a context it replaces every sibling of the set; with one, those that the context covers.
 * The new vector is the set's, the context and the new dot together.
 * @throws StoreError KV_INVALID_CONTEXT when the context covers the new dot: no read can have returned it
 * @throws StoreError KV_INTERNAL when the set has seen the new dot: dots never repeat
 */
export function writeSibling(set: SiblingSet, context: VersionVector | undefined, sibling: Sibling): SiblingSet {
  assert(!covers(set.vector, sibling.dot), 'a new write has a dot that the record has not seen');
  if (context === undefined) return { vector: withDot(set.vector, sibling.dot), siblings: [sibling] };
  if (covers(context, sibling.dot)) {
    throw new StoreError('KV_INVALID_CONTEXT', 'the context covers a write that has not happened yet');
  }
  const siblings = set.siblings.filter((held) => !covers(context, held.dot));
  siblings.push(sibling);
  if (siblings.length > 1) siblings.sort(newestFirst);
  return { vector: withDot(mergeVectors(set.vector, context), sibling.dot), siblings };
}

/** The causal context of a read that returned this set: it covers all that the set has seen. */
export function contextOf(set: SiblingSet): VersionVector {
  return set.vector;
}

/** Whether two records hold the same dots and have seen the same writes; values are not compared. */
export function sameSet(a: SiblingSet, b: SiblingSet): boolean {
  if (a === b) return true;
  if (a.siblings.length !== b.siblings.length || compareVectors(a.vector, b.vector) !== 'equal') return false;
  for (let index = 0; index < a.siblings.length; index++) {
    if (!sameDot(a.siblings[index].dot, b.siblings[index].dot)) return false;
  }
  return true;
}

/**
 * The value under `newest` resolution: the sibling with the greatest clock, or undefined where there is none or where
 * that one is deleted or expired at `nowMs` (since 1970). An older value never shows through a newer absence.
 */
export function newestSibling(set: SiblingSet, nowMs: number): Sibling | undefined {
  const newest = set.siblings[0];
  return newest !== undefined && isLive(newest, nowMs) ? newest : undefined;
}

/** The siblings that are neither deleted nor expired at `nowMs` (since 1970), newest first. */
export function liveSiblings(set: SiblingSet, nowMs: number): readonly Sibling[] {
  return set.siblings.every((sibling) => isLive(sibling, nowMs))
    ? set.siblings
    : set.siblings.filter((sibling) => isLive(sibling, nowMs));
}

/** Order of siblings in a set: clock descending, then replica and counter ascending. */
export function newestFirst(a: Sibling, b: Sibling): number {
  return b.clock - a.clock || a.dot.replica - b.dot.replica || a.dot.counter - b.dot.counter;
}

function isLive(sibling: Sibling, nowMs: number): boolean {
  return !sibling.tombstone && (sibling.expiresAtMs === 0 || sibling.expiresAtMs > nowMs);
}

function settleSame(a: SiblingSet, b: SiblingSet): SiblingSet {
  for (let index = 0; index < a.siblings.length; index++) {
    if (a.siblings[index].tombstone !== b.siblings[index].tombstone) {
      return { vector: a.vector, siblings: a.siblings.map((sibling, at) => settleTwins(sibling, b.siblings[at])) };
    }
  }
  return a;
}

/** Two copies of one dot differ only where collection turned an expired value into a tombstone: that one stays. */
function settleTwins(a: Sibling, b: Sibling): Sibling {
  return b.tombstone && !a.tombstone ? b : a;
}

function findDot(siblings: readonly Sibling[], dot: Dot): Sibling | undefined {
  for (const sibling of siblings) if (sameDot(sibling.dot, dot)) return sibling;
  return undefined;
}

function sameMembers(a: readonly Sibling[], b: readonly Sibling[]): boolean {
  return a.length === b.length && a.every((sibling, index) => sibling === b[index]);
}
