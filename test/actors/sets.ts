/**
 * Records for the tests of actors, written as short as they can be said: `plain('a', 3, 'x')` is the write number 3 of
 * replica a, `joined(...)` a set of several.
 */
import { type Clock, clock, counter, replicaId } from '../../src/core/ids.js';
import { mergeSets, type Sibling, type SiblingSet } from '../../src/core/siblings.js';
import { Tag } from '../../src/protocol/record.js';

/** The low 32 bits of d are those of a. */
const REPLICAS = { a: 11, b: 0xf00000000022, c: 33, d: 0x0005_0000_000b } as const;
type Replica = keyof typeof REPLICAS;

export interface PlainOptions {
  readonly clock?: Clock;
  readonly tombstone?: boolean;
}

/** A record of one sibling whose dot is its whole vector. */
export function plain(replica: Replica, count: number, value: string, options: PlainOptions = {}): SiblingSet {
  const sibling = siblingOf(replica, count, value, options);
  return { vector: [sibling.dot], siblings: [sibling] };
}

function siblingOf(replica: Replica, count: number, value: string, options: PlainOptions): Sibling {
  return {
    dot: { replica: replicaId(REPLICAS[replica]), counter: counter(count) },
    clock: options.clock ?? clock(1_000 + count),
    expiresAtMs: 0,
    tombstone: options.tombstone === true,
    tag: Tag.ascii,
    value: Buffer.from(value),
  };
}

/** Concurrent records as one. */
export function joined(...sets: readonly SiblingSet[]): SiblingSet {
  return sets.reduce((all, set) => mergeSets(all, set));
}
