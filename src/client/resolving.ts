/** Turns a sibling set into what a caller sees: one value, all of them, or a merge. */

import { wallMsOf } from '../core/hybrid-clock.js';
import { liveSiblings, newestSibling, type Sibling as RawSibling, type SiblingSet } from '../core/siblings.js';
import type { Resolve, Sibling, Value } from './types.js';
import { decodeValue } from './values.js';

export function siblingValue(sibling: RawSibling): Value {
  const { value, tag } = sibling;
  return decodeValue(tag, Buffer.from(value.buffer, value.byteOffset, value.length), 0, value.length);
}

/** The value of a record under the store's `resolve`; undefined when no sibling is live. */
export function resolveSet(set: SiblingSet, resolve: Resolve, nowMs: number): Value | undefined {
  if (resolve === 'newest') {
    const newest = newestSibling(set, nowMs);
    return newest === undefined ? undefined : siblingValue(newest);
  }
  const values = liveSiblings(set, nowMs).map(siblingValue);
  if (values.length === 0) return undefined;
  if (resolve === 'siblings') return values;
  return values.length === 1 ? values[0] : resolve(values);
}

/** Live siblings as the public contract shows them, newest first. */
export function showSiblings(set: SiblingSet, nowMs: number): Sibling[] {
  return liveSiblings(set, nowMs).map((sibling) => ({
    value: siblingValue(sibling),
    writtenAtMs: wallMsOf(sibling.clock),
    ...(sibling.expiresAtMs !== 0 && { expiresAtMs: sibling.expiresAtMs }),
  }));
}
