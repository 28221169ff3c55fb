/**
 * The part of a table that one gossip message tells: all of it where it fits, else a run of neighbours that begins
 * anywhere, so that every entry is told as often as every other. A digest to ask by would be no shorter: heartbeats are
 * nearly all that a table holds, and nearly all of them are news.
 */
import type { NodeIndex } from './ids.js';
import type { Liveness, Members } from './membership.js';

export interface ExcerptOptions {
  /** Room, as entries of nodes that nobody suspects. */
  readonly entriesMax: number;
  /** Where the run begins, as an index of the table. */
  readonly first: number;
  /** Who tells: told in any case, ahead of the run. */
  readonly self: NodeIndex;
}

/** Numbers that an entry takes in a message: node, incarnation, heartbeat; of a suspect also who says so. */
export const entryNumbers = ({ state, reporters }: Liveness): number => (state === 'up' ? 3 : 4 + reporters.length);

/** What to tell, ascending by node. */
export function excerpt(members: Members, { entriesMax, first, self }: ExcerptOptions): Members {
  // the node's own entry has just refuted whatever was said of it
  let room = entriesMax * 3 - 3;
  let told = 0;
  for (; told < members.length; told++) {
    const entry = members[(first + told) % members.length];
    if (entry.node === self) continue;
    room -= entryNumbers(entry);
    if (room < 0) break;
  }
  if (told === members.length) return members;
  const isInRun = (index: number) => (index - first + members.length) % members.length < told;
  return members.filter((entry, index) => isInRun(index) || entry.node === self);
}
