/**
 * Sites where a path is rare: a full table, no room, a message that finds its mailbox full. In production `rarely` only
 * hands its condition back. A simulation installs a hook, which forces paths by its seed and counts which were reached
 * (as `BUGGIFY` in FoundationDB: Zhou et al., SIGMOD 2021, section 4).
 */

/** Every site. A path that is forced must be one that the code may take at any time. */
export const RARE_PATHS = [
  'coordinator: too many writes are under way',
  'coordinator: too many reads are under way',
  'coordinator: a replica cannot be sent to',
  'vnode: no room for a mint',
  "vnode: no room for a replica's record",
  'vnode: a plain record is written the long way',
  'vnode: plain records are merged the long way',
  'gossip: a round is skipped',
  'mailbox: full',
] as const;

export type RarePath = (typeof RARE_PATHS)[number];

/** Says whether the path is taken, given whether it would be. */
export type RareHook = (path: RarePath, condition: boolean) => boolean;

let hook: RareHook | undefined;

/** The condition itself; under a simulation now and then true though it is not. */
export function rarely(path: RarePath, condition: boolean): boolean {
  return hook === undefined ? condition : hook(path, condition);
}

/** Installs a simulation's hook in this thread, or takes it away. */
export function setRareHook(next: RareHook | undefined): void {
  hook = next;
}
