/**
 * What a salvage leaves of a simulated log whose middle cannot be read (src/storage/salvage.ts). A simulated disk has no base
 * table; how far one would have been flushed comes by chance, and what was flushed last of a key outlives the damage, unless
 * a later record of it does: so `adoptNewer` decides (src/storage/adopt.ts). Of private records, and of keys that the node
 * forgot, older ones come up.
 */
import { SYSTEM_SLOT } from '../core/ids.js';
import { isForgotten, slotOfRecord } from '../protocol/record.js';
import { keyText } from './messages.js';
import type { LogRecord } from './sim-disk.js';

export interface SimDamage {
  /** Records of the log, by index: those from here on cannot be read, */
  readonly from: number;
  /** ... and these can again. */
  readonly to: number;
  /** What came before this index is in the base table. */
  readonly flushed: number;
}

/** Which records of the log are still there. */
export function salvaged(log: readonly LogRecord[], { from, to, flushed }: SimDamage): LogRecord[] {
  const inBase = new Map(log.slice(0, flushed).map((record) => [nameOf(record), record]));
  return log.filter((record, index) => {
    if (index < from || index >= to) return true;
    return inBase.get(nameOf(record)) === record && !isForgotten(record.words, 0) && !isPrivate(record);
  });
}

const isPrivate = ({ words }: LogRecord): boolean => slotOfRecord(words, 0) === SYSTEM_SLOT;
const nameOf = (record: LogRecord): string => `${isPrivate(record)} ${keyText(record.words)}`;
