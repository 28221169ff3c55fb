/**
 * Many writes of one message. Those whose partition has settled, on nodes that nobody suspects, are minted here and now, as
 * this node's vnodes would, and go to each other replica together, in one group for each list of nodes; the replicas'
 * confirmations come back together too. Every other member goes the way of a write that was sent alone.
 */
import type { Env } from '../src/actor/env.js';
import { Head, type MessageView } from '../src/protocol/header.js';
import { Write } from '../src/protocol/messages.js';
import { success } from '../src/protocol/outcome.js';
import { putNumber, Rec } from '../src/protocol/record.js';
import { type BatchList, BatchLists } from './batch-lists.js';
import { eachRecord } from './batch-records.js';
import { sendGroup } from './batch-sends.js';
import { beginWrite, mintedAt, partitionOf, reachedBy, type WriteAt, type Writes } from './coordinator-writes.js';
import { whyLate } from './late-write.js';
import { mendMember } from './mending.js';
import { askDurability, mintFor, UNREADABLE } from './vnode-mint.js';
import { Runs } from './write-replies.js';
import { confirm, failUnminted, hintMissing, settle } from './write-settlement.js';

/** A clock as two words. */
const reached = new Int32Array(2);

/** Mints the members of a batch, in their order. */
export function mintMany(writes: Writes, message: MessageView, env: Env): void {
  const client = message.words[message.at + Head.from];
  const runs = new Runs(client, message.request, env);
  const late = whyLate(message, writes.incarnation, env);
  if (late !== undefined) {
    runs.refuseAll(late);
    return;
  }
  const { words } = env.store;
  const options = message.u32(Write.options);
  const lists = new BatchLists(writes, message, env);
  let durability = -1;
  eachRecord(message, message.at + Write.record, env.store, (record, member) => {
    const partition = partitionOf(message, record, env);
    const list = lists.find(partition);
    if (list === undefined) {
      writeAlone(writes, { message, client, record, member }, false, env);
      return;
    }
    const at = mintFor(writes.vnodes, partition, message, record, env);
    if (at === UNREADABLE) {
      writeAlone(writes, { message, client, record, member }, true, env);
      return;
    }
    if (at < 0) {
      const { clock, detail } = reachedBy(~at, env);
      putNumber(reached, 0, clock);
      runs.add(member, ~at, detail, reached[0], reached[1]);
      return;
    }
    if (durability < 0) durability = askDurability(options, env.store);
    if (list.group === undefined) {
      runs.add(member, success(1, durability), 0, words[at + Rec.clockLow], words[at + Rec.clockHigh]);
      return;
    }
    list.group.add(member, partition, writes.keys.put(words, at));
    list.minted.push(at);
  });
  runs.send();
  for (const list of lists.all) beginGroup(writes, list, message, durability, env);
}

/**
 * A member whose partition moves, or that a suspect holds: minted now, as the batch is, and then one of all writes.
 * `waits`: its record cannot be read here, and what the others hold is asked for first.
 */
function writeAlone(writes: Writes, at: WriteAt, waits: boolean, env: Env): void {
  const slot = beginWrite(writes, at, env);
  if (slot < 0) return;
  const { table } = writes;
  const minted = waits ? UNREADABLE : mintFor(writes.vnodes, table.partition[slot], at.message, at.record, env);
  if (minted === UNREADABLE && mendMember(at.message, at.record, table.idOf(slot), env)) return;
  if (minted < 0) failUnminted(env, table, slot, ~minted, reachedBy(~minted, env));
  else mintedAt(writes, slot, minted, askDurability(table.options[slot], env.store), env);
}

function beginGroup(writes: Writes, list: BatchList, message: MessageView, durability: number, env: Env): void {
  const { table } = writes;
  const { group, minted } = list;
  if (group === undefined) return;
  const { slot } = group;
  if (group.count === 0) {
    table.close(slot);
    return;
  }
  const { words } = env.store;
  const last = minted[minted.length - 1];
  table.client[slot] = message.words[message.at + Head.from];
  table.request[slot] = message.request;
  table.options[slot] = message.words[message.at + Write.options];
  table.deadline[slot] = message.words[message.at + Write.deadline];
  table.siblings[slot] = 0;
  table.clock[slot * 2] = words[last + Rec.clockLow];
  table.clock[slot * 2 + 1] = words[last + Rec.clockHigh];
  table.epoch[slot] = env.placement.epoch;
  const own = table.placeOf(slot, env.node);
  confirm(table, slot, own, durability);
  for (let place = 0; place < table.places[slot]; place++) {
    if (place === own || sendGroup(writes, group, minted, place, env)) continue;
    table.failed[slot] |= 1 << place;
    hintMissing(writes, slot, place, env);
    table.hinted[slot] |= 1 << place;
  }
  settle(writes, slot, env);
}
