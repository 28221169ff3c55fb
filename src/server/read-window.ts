/**
 * How many keys the reads of one connection may wait for at the same time: as many as their values fit into 4 MiB. How long a
 * value is shows when it comes, so the last ones tell: a connection begins with few, and has more while they are small.
 */

/** Most bytes that the values under way may come to, if they are as those before. */
const BYTES_MAX = 4 * 1024 * 1024;
/** What a key counts before any value has come. */
const VALUE_BYTES_AT_FIRST = 256 * 1024;
/** After so many small values a large one is forgotten, but for a third. */
const MEMORY_KEYS = 16;

export class ReadWindow {
  private pendingKeys = 0;
  private valueBytes = VALUE_BYTES_AT_FIRST;

  /** Whether a read of so many keys may begin; one alone always may. */
  hasRoom(keys: number): boolean {
    return this.pendingKeys === 0 || (this.pendingKeys + keys) * this.valueBytes <= BYTES_MAX;
  }

  enter(keys: number): void {
    this.pendingKeys += keys;
  }

  /** `bytes`: what came for the keys; undefined where nothing did. */
  leave(keys: number, bytes: number | undefined): void {
    this.pendingKeys -= keys;
    if (bytes === undefined) return;
    const faded = this.valueBytes * (1 - Math.min(keys, MEMORY_KEYS) / MEMORY_KEYS);
    this.valueBytes = Math.max(faded, bytes / keys);
  }
}
