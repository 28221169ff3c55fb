/**
 * The numbers that SCAN hands out, and the key each stands for.
 *
 * kvorum scans in key order, so a position is a key, and clients insist on a number. A bounded table maps one to the other;
 * the oldest entry goes when it is full or when it has not been asked for within its life. A cursor that is gone is refused
 * with a clear error, and the scan starts again. Numbers start at a random point, so one of an earlier server is not
 * taken for one of this.
 */
import { randomInt } from 'node:crypto';

/** Most cursors that are known at a time; keys of 1,900 bytes make it 8 MiB. */
export const CURSORS_MAX = 4_096;
/** Life of a cursor since it was handed out. */
export const CURSOR_LIFE_MS = 15 * 60_000;
const FIRST_CURSOR_MAX = 2 ** 47;

export class ScanCursors {
  private readonly entries = new Map<number, { key: Buffer; expiresAtMs: number }>();
  private next = randomInt(1, FIRST_CURSOR_MAX);

  constructor(private readonly nowMs: () => number) {}

  get size(): number {
    return this.entries.size;
  }

  /** A new cursor that continues behind `key`. */
  add(key: Buffer): number {
    const now = this.nowMs();
    for (const [cursor, entry] of this.entries) {
      if (this.entries.size < CURSORS_MAX && entry.expiresAtMs > now) break;
      this.entries.delete(cursor);
    }
    const cursor = this.next++;
    this.entries.set(cursor, { key: Buffer.from(key), expiresAtMs: now + CURSOR_LIFE_MS });
    return cursor;
  }

  /** The key to continue behind, or undefined where the cursor is unknown or too old. A cursor may be used again. */
  keyOf(cursor: number): Buffer | undefined {
    const entry = this.entries.get(cursor);
    return entry !== undefined && entry.expiresAtMs > this.nowMs() ? entry.key : undefined;
  }
}
