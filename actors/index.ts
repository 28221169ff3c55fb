/**
 * The actors of a node, each under its address: the one list that the host and the simulated world spawn from. Every node
 * has a vnode for every partition: who is no holder may stand in for one, or is to become one.
 */
import { type Address, addressOf, Role } from '../src/actor/address.js';
import type { AnyBehaviour } from '../src/actor/behaviour.js';
import type { PartitionDoubts } from '../src/actor/partition-doubts.js';
import type { Quorums } from '../src/core/ring-change.js';
import { type AntiEntropyOptions, antiEntropy } from './anti-entropy.js';
import { ChangeWatches } from './change-watches.js';
import { type CollectorOptions, collector } from './collector.js';
import { type CoordinatorOptions, coordinator } from './coordinator.js';
import { CollectionPromises } from './dead-records.js';
import { type GossipOptions, gossipAgent } from './gossip-agent.js';
import { type HintKeeperOptions, hintKeeper } from './hint-keeper.js';
import { Minters } from './minter.js';
import { type RebalancerOptions, rebalancer } from './rebalancer.js';
import { ringKeeper } from './ring-keeper.js';
import type { Debts } from './ring-leavers.js';
import { UnreadKeys } from './unread-keys.js';
import { vnode } from './vnode.js';
import type { VnodeOptions } from './vnode-mint.js';

export interface NodeActorsOptions {
  readonly node: number;
  readonly partitions: number;
  readonly vnode: Omit<VnodeOptions, 'doubts' | 'promises' | 'minters' | 'unread' | 'watches'>;
  readonly coordinator: Omit<CoordinatorOptions, 'vnodes' | 'w'>;
  readonly gossip: GossipOptions;
  readonly hints: HintKeeperOptions;
  readonly antiEntropy: Omit<AntiEntropyOptions, 'doubts' | 'mayHoldDead' | 'minters' | 'watches'>;
  readonly collector: Pick<CollectorOptions, 'intervalMs' | 'clockDriftMaxMs' | 'onCollected'>;
  readonly doubts: PartitionDoubts;
  readonly ring: Pick<RebalancerOptions, 'onMoved'> & { readonly quorums: Quorums } & Pick<Debts, 'isReleased'>;
}

export interface NodeActor {
  readonly address: Address;
  readonly role: Role;
  readonly behaviour: AnyBehaviour;
}

export function nodeActors(options: NodeActorsOptions): NodeActor[] {
  const { node, partitions, ring, doubts } = options;
  const actor = (role: Role, behaviour: AnyBehaviour, instance = 0): NodeActor => ({
    address: addressOf(role, node, instance),
    role,
    behaviour,
  });
  const promises = new CollectionPromises();
  // until the hint keeper has looked
  const debts: Debts = { owes: true, ...(ring.isReleased === undefined ? {} : { isReleased: ring.isReleased }) };
  // what a former life left is looked through once
  const mayHoldDead = new Uint8Array(partitions + 1).fill(1);
  const minters = new Minters();
  const watches = new ChangeWatches();
  const shared = { ...options.vnode, doubts, promises, minters, unread: new UnreadKeys(), watches };
  const vnodes = vnode(shared);
  return [
    ...Array.from({ length: partitions }, (_, partition) => actor(Role.vnode, vnodes, partition)),
    actor(Role.coordinator, coordinator({ ...options.coordinator, w: ring.quorums.w, vnodes: shared })),
    actor(Role.gossip, gossipAgent(options.gossip)),
    actor(Role.hintKeeper, hintKeeper({ ...options.hints, debts, doubts })),
    actor(Role.antiEntropy, antiEntropy({ ...options.antiEntropy, doubts, mayHoldDead, minters, watches })),
    actor(Role.collector, collector({ ...options.collector, doubts, debts, mayHoldDead, promises })),
    actor(Role.ringKeeper, ringKeeper({ quorums: ring.quorums, doubts, debts })),
    actor(Role.rebalancer, rebalancer({ w: ring.quorums.w, onMoved: ring.onMoved, debts, doubts })),
  ];
}
