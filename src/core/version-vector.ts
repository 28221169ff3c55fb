/**
 * Version vectors: what a replica has seen of a key, one entry per replica that ever wrote it.
 *
 * An entry (r, n) covers every dot of r with a counter up to n; counters need not be contiguous, because a counter is
 * the log sequence number of the write. A replica sees its own writes in order and ships whole records, so what it has
 * seen of a replica is always a prefix, and one number per replica says it all.
 * Parker et al., "Detection of Mutual Inconsistency in Distributed Systems", 1983; dots as in Preguica et al., 2010.
 */
import type { Counter, ReplicaId } from './ids.js';

/** The name of one write: the storage incarnation that minted it and its log sequence number there. */
export interface Dot {
  readonly replica: ReplicaId;
  readonly counter: Counter;
}

/** Sorted by replica, at most one entry per replica; never changed in place. */
export type VersionVector = readonly Dot[];

/** How two vectors relate: `before` means that the second covers the first and more. */
export type VectorOrder = 'equal' | 'before' | 'after' | 'concurrent';

const EMPTY: VersionVector = Object.freeze([]);

/** The vector that covers nothing; always the same object. */
export function emptyVector(): VersionVector {
  return EMPTY;
}

/** Whether the vector covers the dot. Linear in the entries, which are a handful. */
export function covers(vector: VersionVector, dot: Dot): boolean {
  for (let index = 0; index < vector.length; index++) {
    const entry = vector[index];
    if (entry.replica === dot.replica) return entry.counter >= dot.counter;
    if (entry.replica > dot.replica) return false;
  }
  return false;
}

/** The least vector that covers what either covers. Returns `a` or `b` itself where one of them covers the other. */
export function mergeVectors(a: VersionVector, b: VersionVector): VersionVector {
  if (a === b) return a;
  const order = compareVectors(a, b);
  if (order === 'equal' || order === 'after') return a;
  if (order === 'before') return b;
  const merged: Dot[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const left = a[i];
    const right = b[j];
    if (left.replica === right.replica) {
      merged.push(left.counter >= right.counter ? left : right);
      i++;
      j++;
    } else if (left.replica < right.replica) {
      merged.push(left);
      i++;
    } else {
      merged.push(right);
      j++;
    }
  }
  for (; i < a.length; i++) merged.push(a[i]);
  for (; j < b.length; j++) merged.push(b[j]);
  return merged;
}

/** The least vector that covers `vector` and the dot; `vector` itself where it covers the dot already. */
export function withDot(vector: VersionVector, dot: Dot): VersionVector {
  let index = 0;
  while (index < vector.length && vector[index].replica < dot.replica) index++;
  const same = index < vector.length && vector[index].replica === dot.replica;
  if (same && vector[index].counter >= dot.counter) return vector;
  const extended = vector.slice();
  extended.splice(index, same ? 1 : 0, { replica: dot.replica, counter: dot.counter });
  return extended;
}

/** The order of causality between two vectors. */
export function compareVectors(a: VersionVector, b: VersionVector): VectorOrder {
  let more = false;
  let less = false;
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const left = a[i];
    const right = b[j];
    if (left.replica === right.replica) {
      if (left.counter > right.counter) more = true;
      else if (left.counter < right.counter) less = true;
      i++;
      j++;
    } else if (left.replica < right.replica) {
      more = true;
      i++;
    } else {
      less = true;
      j++;
    }
  }
  if (i < a.length) more = true;
  if (j < b.length) less = true;
  if (more) return less ? 'concurrent' : 'after';
  return less ? 'before' : 'equal';
}

/** Whether two dots name the same write. */
export function sameDot(a: Dot, b: Dot): boolean {
  return a.replica === b.replica && a.counter === b.counter;
}
