/** What a node's anti-entropy tells of itself. */

/** What anti-entropy has done since the node's start. */
export interface RepairCounts {
  readonly exchanges: number;
  readonly differing: number;
  readonly sent: number;
  readonly received: number;
  /** Partitions that still wait to be compared. */
  readonly waiting: number;
  /** When the last round over all partitions ended, milliseconds since 1970; 0 for never. */
  readonly lastRoundMs: number;
  /** Partitions that the node does not count for. */
  readonly inDoubt: number;
  readonly healed: number;
  readonly setAside: number;
}

export const NO_COUNTS: RepairCounts = {
  exchanges: 0,
  differing: 0,
  sent: 0,
  received: 0,
  waiting: 0,
  lastRoundMs: 0,
  inDoubt: 0,
  healed: 0,
  setAside: 0,
};
