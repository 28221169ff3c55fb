/**
 * What may come from another host: for each kind of message, from which role to which. Whatever is not listed here, or is
 * local, closes the connection that it came on. Actors of one node mint, hint and note among themselves.
 */
import { Role } from '../actor/address.js';
import { MESSAGES, type MessageName } from '../protocol/messages.js';

type Path = readonly [from: Role, to: Role];

const { vnode, coordinator, gossip, client, hintKeeper, antiEntropy, ringKeeper, rebalancer, collector } = {
  vnode: Role.vnode,
  coordinator: Role.coordinator,
  gossip: Role.gossip,
  client: Role.client,
  hintKeeper: Role.hintKeeper,
  antiEntropy: Role.antiEntropy,
  ringKeeper: Role.ringKeeper,
  rebalancer: Role.rebalancer,
  collector: Role.collector,
} as const;

const between = (role: Role): readonly Path[] => [[role, role]];
/** Who sends records of its own accord. */
const SENDERS = [coordinator, hintKeeper, antiEntropy] as const;

export const EXPORTS: Readonly<Record<MessageName, readonly Path[] | 'local'>> = {
  pad: 'local',
  piece: 'local',
  write: [[client, coordinator]],
  written: [[coordinator, client]],
  mint: 'local',
  minted: 'local',
  replicate: SENDERS.map((role) => [role, vnode] as const),
  replicated: SENDERS.map((role) => [vnode, role] as const),
  read: [[client, coordinator]],
  answered: [[coordinator, client]],
  fetch: [
    [coordinator, vnode],
    [antiEntropy, vnode],
  ],
  fetched: [
    [vnode, coordinator],
    [vnode, antiEntropy],
  ],
  scan: [[client, vnode]],
  page: [[vnode, client]],
  gossip: between(gossip),
  standIn: [[coordinator, vnode]],
  hint: 'local',
  note: 'local',
  repaired: 'local',
  compare: between(antiEntropy),
  compared: between(antiEntropy),
  list: between(antiEntropy),
  listed: between(antiEntropy),
  exchange: [[client, antiEntropy]],
  exchanged: [[antiEntropy, client]],
  prepare: between(ringKeeper),
  promised: between(ringKeeper),
  accept: between(ringKeeper),
  voted: between(ringKeeper),
  ringMap: between(ringKeeper),
  ringReport: between(ringKeeper),
  changeRing: [[client, ringKeeper]],
  ringChanged: [[ringKeeper, client]],
  pull: [
    [rebalancer, rebalancer],
    [client, rebalancer],
  ],
  pulled: [
    [rebalancer, rebalancer],
    [rebalancer, client],
  ],
  confirm: between(collector),
  confirmed: between(collector),
  barrier: [
    [collector, coordinator],
    [coordinator, collector],
    [collector, collector],
  ],
  collect: between(collector),
  writeMany: [[client, coordinator]],
  wroteMany: [[coordinator, client]],
  replicateMany: between(coordinator),
  replicatedMany: between(coordinator),
  mintMany: 'local',
  mend: 'local',
  mended: 'local',
  unread: 'local',
  watch: [[client, vnode]],
  changes: [[vnode, client]],
};

const IS_EXPORTED = new Uint8Array(0x1_0000);
for (const [name, paths] of Object.entries(EXPORTS)) {
  if (paths === 'local') continue;
  for (const [from, to] of paths) IS_EXPORTED[indexOf(MESSAGES[name as MessageName].tag, from, to)] = 1;
}

function indexOf(tag: number, from: number, to: number): number {
  return (tag << 8) | (from << 4) | to;
}

/** Whether a message of this kind may come from another host, between actors of these roles. */
export const isExported = (tag: number, from: Role, to: Role): boolean => IS_EXPORTED[indexOf(tag, from, to)] === 1;
