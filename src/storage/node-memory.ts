/**
 * The shared memory of one node: every buffer that the node's thread writes and that other threads of the host read.
 *
 *   control   one cache line (16 words) for each word that changes often; see Control
 *   index     two words a slot: position of the record (0: empty), hash of its key; see Control.slots
 *   marks     one byte a slot: read since the last sweep (CLOCK)
 *   serving   one word a partition: generation << 1 | whether readers may trust the table for it
 *   bloom     the filter over the base table's keys (bloom-filter.ts)
 *   arena     log blocks and records, a circle (arena.ts)
 *
 * Untouched pages of a SharedArrayBuffer cost nothing, so everything is sized once, for the largest it may grow to.
 */

/** Word offsets in `control`. */
export const enum Control {
  /** Position behind the last published record. */
  published = 0,
  /** Laps of the arena begun; unlike a position it does not wrap within any pause of a reader. */
  laps = 16,
  /** Position of the oldest record whose bytes are intact. */
  reclaimed = 32,
  /** Odd while slots are being moved; a miss only counts under an even number that did not change. */
  moves = 48,
  /** Slots of the index in use, from the first: they grow with the entries. Changes only while `moves` is odd. */
  slots = 49,
  words = 64,
}

export interface NodeMemory {
  readonly control: SharedArrayBuffer;
  readonly index: SharedArrayBuffer;
  readonly marks: SharedArrayBuffer;
  readonly serving: SharedArrayBuffer;
  readonly bloom: SharedArrayBuffer;
  readonly arena: SharedArrayBuffer;
}

/** Arena bytes per index slot: a record of a 16-byte key and a 100-byte value takes 160 bytes, so the index is then at 0.7. */
const ARENA_BYTES_PER_SLOT = 112;
/** Index entries that leave probing short. */
export const INDEX_LOAD_MAX = 0.8;
const BLOOM_SHARE = 1 / 16;

/** Divides `bytes` of memory among the parts of one node. */
export function allocateNodeMemory(bytes: number, partitions: number): NodeMemory {
  const bloomBytes = Math.max(4096, Math.floor((bytes * BLOOM_SHARE) / 64) * 64);
  const perSlot = ARENA_BYTES_PER_SLOT + 9;
  const slots = Math.max(1024, Math.floor((bytes - bloomBytes) / perSlot));
  return {
    control: new SharedArrayBuffer(Control.words * 4),
    index: new SharedArrayBuffer(slots * 8),
    marks: new SharedArrayBuffer(slots),
    serving: new SharedArrayBuffer(partitions * 4),
    bloom: new SharedArrayBuffer(bloomBytes),
    arena: new SharedArrayBuffer(slots * ARENA_BYTES_PER_SLOT),
  };
}

/** The slot where the search for a hash begins. */
export function homeSlot(hash: number, slots: number): number {
  return Math.floor(((hash >>> 0) * slots) / 0x1_0000_0000);
}
