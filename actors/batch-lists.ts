/**
 * Which members of a batch go together: those of partitions that have settled on the same nodes, none of which is suspected,
 * under a plain quorum. The nodes decide, not their order. Where this node is the only one of them there is nothing to wait
 * for, and no group.
 */
import type { Env } from '../src/actor/env.js';
import { Phase, type Placement, Standing } from '../src/actor/ports.js';
import type { NodeIndex } from '../src/core/ids.js';
import type { MessageView } from '../src/protocol/header.js';
import { Write } from '../src/protocol/messages.js';
import { isOlderThan, isZoned, quorumOf } from '../src/protocol/outcome.js';
import { WriteGroup } from './write-group.js';
import type { SentWrites } from './write-sends.js';
import { openSlot } from './write-settlement.js';

export interface BatchList {
  /** A partition of this list. */
  readonly partition: number;
  /** Undefined where this node is all of it. */
  readonly group: WriteGroup | undefined;
  /** Word indices of the group's records. */
  readonly minted: number[];
}

/** Lists of one batch; members of further ones go alone. */
const LISTS_MAX = 16;

export class BatchLists {
  readonly all: BatchList[] = [];
  readonly #writes: SentWrites;
  readonly #options: number;
  readonly #env: Env;

  constructor(writes: SentWrites, message: MessageView, env: Env) {
    this.#writes = writes;
    this.#options = message.u32(Write.options);
    this.#env = env;
  }

  /** The list of a partition; undefined where its members go alone. */
  find(partition: number): BatchList | undefined {
    const { placement } = this.#env;
    if (placement.phases[partition] !== Phase.settled || isZoned(this.#options)) return undefined;
    if (quorumOf(this.#options) > placement.n) return undefined;
    if (isOlderThan(this.#options, placement.begunAt[partition])) return undefined;
    for (const list of this.all) if (isSameList(placement, list.partition, partition)) return list;
    return this.#add(partition);
  }

  #add(partition: number): BatchList | undefined {
    const { placement, node: self } = this.#env;
    const { n, preference } = placement;
    const nodes = preference.subarray(partition * n, partition * n + n);
    const isMember = placement.standingOf(self) === Standing.member;
    if (this.all.length === LISTS_MAX || !isMember || !nodes.includes(self)) return undefined;
    if (nodes.some((node) => node !== self && placement.suspects(node as NodeIndex))) return undefined;
    let group: WriteGroup | undefined;
    if (n > 1) {
      const slot = openSlot(this.#writes, this.#env);
      if (slot < 0) return undefined;
      group = new WriteGroup(slot);
      const { table } = this.#writes;
      for (const node of nodes) table.addPlace(slot, node);
      table.current[slot] = (1 << n) - 1;
      table.next[slot] = (1 << n) - 1;
      table.groups[slot] = group;
    }
    const list = { partition, group, minted: [] };
    this.all.push(list);
    return list;
  }
}

/** Whether two partitions are held by the same nodes. */
function isSameList({ n, preference }: Placement, one: number, other: number): boolean {
  if (one === other) return true;
  for (let i = one * n; i < one * n + n; i++) {
    let j = other * n;
    while (j < other * n + n && preference[j] !== preference[i]) j++;
    if (j === other * n + n) return false;
  }
  return true;
}
