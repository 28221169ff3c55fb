/** How a node's anti-entropy has the trees of its partitions built: for whoever compares, and to verify them. */
import type { Env } from '../src/actor/env.js';
import type { PartitionId } from '../src/core/ids.js';
import type { MessageView } from '../src/protocol/header.js';
import { Unread } from '../src/protocol/mend-messages.js';
import type { AntiEntropyState } from './anti-entropy.js';
import { tellCounts } from './doubt-rounds.js';

/** Has the tree of a partition built before all others that wait less. */
export function build(state: AntiEntropyState, partition: PartitionId): void {
  if (state.builds.includes(partition)) return;
  state.trees.begin(partition);
  state.builds.push(partition);
}

/** Takes the partition's next records into the tree that is being built for it. */
export function advanceTree(
  state: AntiEntropyState,
  { partition, records }: { readonly partition: PartitionId; readonly records: number },
  env: Env,
): void {
  const { trees, builds, options } = state;
  trees.begin(partition);
  const end = trees.advance(partition, records, healer(state, partition, env));
  if (end === 'more') return;
  if (builds[0] === partition) builds.shift();
  state.verification.ended(partition, end);
  if (end === 'differs') options.onTreeDiffers(partition);
  if (trees.of(partition)?.isShallow === true) build(state, partition);
  tellCounts(state);
}

/** What to do about a key that cannot be read. */
export function healer(state: AntiEntropyState, partition: PartitionId, env: Env): (key: Uint8Array) => void {
  return (key) => void state.polls.start('unreadable', partition, Uint8Array.from(key), env);
}

/** A vnode has met a key that cannot be read. */
export function pollUnread(state: AntiEntropyState, message: MessageView, env: Env): void {
  const keySlot = message.u32(Unread.keySlot);
  const start = (message.at + Unread.key) * 4;
  const partition = ((keySlot >>> 16) >>> env.placement.slotShift) as PartitionId;
  healer(state, partition, env)(message.bytes.subarray(start, start + (keySlot & 0xffff)));
}
