/**
 * The keys, values and batches of the whole-store suite, built once before anything is measured.
 *
 *     key   'key:000000012345'                          16 bytes
 *     value '0:000000012345:' + a tail of letters      100 bytes, one for each key and generation
 *
 * A slice of writes writes one generation only, so that a check afterwards knows what each key must hold, in whichever
 * order the writes in flight arrived.
 */

import { xorshift32 } from './random.js';
import type { KeyValue } from './target.js';

export const VALUE_BYTES = 100;
export const KEY_BYTES = 16;
/** Generations of values: each write slice writes the one that the last did not. */
export type Generation = 0 | 1;

export interface Batch {
  readonly indices: readonly number[];
  readonly keys: readonly string[];
  readonly pairs: readonly [readonly KeyValue[], readonly KeyValue[]];
}

export interface Workload {
  readonly keys: readonly string[];
  readonly values: readonly [readonly string[], readonly string[]];
  readonly batches: readonly Batch[];
}

/** Builds the keys, both generations of values, and `batchCount` batches of `batchSize` random keys. */
export function buildWorkload(keyCount: number, batchCount: number, batchSize: number): Workload {
  const keys = Array.from({ length: keyCount }, (_, index) => keyAt(index));
  const values = [0, 1].map((generation) => keys.map((_, index) => valueAt(index, generation)));
  const draw = xorshift32(batchSize);
  const batches = Array.from({ length: batchCount }, (): Batch => {
    const indices = Array.from({ length: batchSize }, () => draw() % keyCount);
    const pairsOf = (generation: Generation): KeyValue[] =>
      indices.map((index) => [keys[index], values[generation][index]]);
    return { indices, keys: indices.map((index) => keys[index]), pairs: [pairsOf(0), pairsOf(1)] };
  });
  return { keys, values: [values[0], values[1]], batches };
}

/** The key of an index, 16 bytes of ASCII. */
export const keyAt = (index: number): string => flat(`key:${String(index).padStart(12, '0')}`);

/** The value of a key's index in a generation, 100 bytes of ASCII. */
export const valueAt = (index: number, generation: number): string =>
  flat(`${generation}:${String(index).padStart(12, '0')}:`.padEnd(VALUE_BYTES, 'abcdefghijklmnopqrstuvwxyz'));

/** One contiguous string: a concatenation would be flattened by whoever reads it first, within the measurement. */
function flat(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}
