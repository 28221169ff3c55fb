/** What a node's anti-entropy tells of itself. */

/** What anti-entropy has done since the node's start. */
export interface RepairCounts {
  readonly exchanges: number;
  /** Keys whose records differed. */
  readonly differing: number;
  readonly sent: number;
  readonly received: number;
  /** Exchanges that are still to be done. */
  readonly waiting: number;
  /** When the last round over all partitions ended, milliseconds since 1970, to the second; 0 for never. */
  readonly lastRoundMs: number;
  /** Partitions that the node does not count for until it has compared with enough others. */
  readonly inDoubt: number;
  /** Unreadable records that were replaced by what other replicas hold. */
  readonly healed: number;
  /** Records that only a rolled-back disk of the node held, now and in former lives: they are kept aside. */
  readonly setAside: number;
  /** Their bytes; and how many older ones have been given up for newer ones. */
  readonly setAsideBytes: number;
  readonly setAsideDropped: number;
  /** Partitions that were read from end to end for damage, and trees that turned out wrong. */
  readonly verified: number;
  readonly treesDiffering: number;
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
  setAsideBytes: 0,
  setAsideDropped: 0,
  verified: 0,
  treesDiffering: 0,
};
