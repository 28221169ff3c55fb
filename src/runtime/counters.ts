/**
 * Counters of a node's thread in shared memory, one word each: written by the node, read by anyone for `stats`.
 * Actors count the messages they handled in the words behind, by `actorCounter`.
 */

export const enum Count {
  turns = 0,
  messages = 1,
  wakeUps = 2,
  /** Sleeps that timed out though mail was there: must stay 0. */
  missedWakeUps = 3,
  refusedSends = 4,
  actorRestarts = 5,
  undeliverable = 6,
  logWrites = 7,
  logSyncs = 8,
  flushes = 9,
  evictions = 10,
  hotEntries = 11,
  hotKiB = 12,
  dirtyKiB = 13,
  logKiB = 14,
  baseEntries = 15,
  baseKiB = 16,
  keysAbout = 17,
  refusal = 18,
  hints = 19,
  hintKiB = 20,
  notes = 21,
  hintsHandedOver = 22,
  exchanges = 24,
  keysDiffering = 25,
  recordsSent = 26,
  recordsReceived = 27,
  exchangesWaiting = 28,
  /** Seconds since 1970. */
  lastRoundSeconds = 29,
  inDoubt = 30,
  healed = 31,
  setAside = 32,
  collected = 33,
  setAsideKiB = 34,
  setAsideDropped = 35,
  verified = 36,
  treesDiffering = 37,
  actors = 40,
}

/** Memory for a node with this many partitions: each vnode, the coordinator and the gossip agent have a word. */
export function allocateCounters(partitions: number): SharedArrayBuffer {
  return new SharedArrayBuffer((Count.actors + 4 * partitions) * 4);
}

/** Word of the actor with this role and instance. */
export function actorCounter(role: number, instance: number, partitions: number): number {
  return Count.actors + (role === 1 ? instance : partitions + role);
}
