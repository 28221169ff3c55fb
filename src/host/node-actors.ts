/**
 * The actors of a node, spawned together: a vnode for each partition, for it may come to hold any; one coordinator, one
 * gossip agent, one ring keeper, one rebalancer.
 */
import { antiEntropy, type RepairCounts } from '../../actors/anti-entropy.js';
import { coordinator } from '../../actors/coordinator.js';
import { gossipAgent } from '../../actors/gossip-agent.js';
import { rebalancer } from '../../actors/rebalancer.js';
import { ringKeeper } from '../../actors/ring-keeper.js';
import { vnode } from '../../actors/vnode.js';
import { addressOf, Role } from '../actor/address.js';
import type { Placement } from '../actor/ports.js';
import { asStoreError } from '../core/errors.js';
import { GOSSIP_PRESETS } from '../core/gossip-tuning.js';
import { nodeIndex } from '../core/ids.js';
import { recordBytesMax } from '../protocol/limits.js';
import { ActorSystem } from '../runtime/actor-system.js';
import { Count } from '../runtime/counters.js';
import type { PostOffice } from '../runtime/post-office.js';
import type { Engine } from '../storage/engine.js';
import type { NodeEvent } from './events.js';
import { countMoved, livenessView, ringView, Status } from './thread-map.js';
import type { NodeStart } from './worker-main.js';

export interface NodeActorsParts {
  readonly start: NodeStart;
  readonly store: Engine;
  readonly post: PostOffice;
  readonly tell: (event: NodeEvent) => void;
}

/** The node's actor system, with its actors started. */
export function spawnNodeActors({ start, store, post, tell }: NodeActorsParts): ActorSystem {
  const { map, node, clockDriftMaxMs, siblingsMax, pairBytesMax } = start;
  const placement = ringView(map, node, start.ring, (ring) => tell({ type: 'ring', ring }));
  const system = new ActorSystem({
    node: nodeIndex(node),
    store,
    placement,
    post,
    counters: new Int32Array(map.counters[node]),
    partitions: map.partitions,
    onRestart: (role, instance, error) =>
      tell({ type: 'actor-restarted', role, instance, error: asStoreError(error).message }),
  });
  const vnodes = vnode({ clockDriftMaxMs, siblingsMax, recordBytesMax: recordBytesMax(pairBytesMax) });
  for (let p = 0; p < map.partitions; p++) system.spawn(addressOf(Role.vnode, node, p), vnodes);
  // Atomics: acquire; the host has raised it before this thread began
  const incarnation = Atomics.load(new Int32Array(map.status), node * Status.line + Status.incarnation);
  system.spawn(addressOf(Role.coordinator, node, 0), coordinator({ incarnation }));
  system.spawn(addressOf(Role.gossip, node, 0), agentOf(start, placement, incarnation, tell));
  system.spawn(addressOf(Role.ringKeeper, node, 0), ringKeeper(start.quorums));
  const onMoved = (bytes: number, records: number) => countMoved(map, node, bytes, records);
  system.spawn(addressOf(Role.rebalancer, node, 0), rebalancer({ w: start.quorums.w, onMoved }));
  const repairs = antiEntropy({
    intervalMs: start.antiEntropyIntervalMs,
    report: (counts) => countRepairs(counts, new Int32Array(map.counters[node])),
    onTreeDiffers: (partition) => tell({ type: 'tree-differs', partition }),
  });
  system.spawn(addressOf(Role.antiEntropy, node, 0), repairs);
  return system;
}

function countRepairs(
  { exchanges, differing, sent, received, waiting, lastRoundMs }: RepairCounts,
  counters: Int32Array,
): void {
  counters[Count.exchanges] = exchanges;
  counters[Count.keysDiffering] = differing;
  counters[Count.recordsSent] = sent;
  counters[Count.recordsReceived] = received;
  counters[Count.exchangesWaiting] = waiting;
  counters[Count.lastRoundSeconds] = Math.floor(lastRoundMs / 1_000);
}

function agentOf(
  { map, node, gossip }: NodeStart,
  { isUp }: Placement,
  incarnation: number,
  tell: NodeActorsParts['tell'],
) {
  return gossipAgent({
    tuning: GOSSIP_PRESETS[gossip],
    incarnation,
    view: livenessView(map, node),
    hostOf: () => map.hostId,
    hasEnded: (other) => !isUp(other),
    onChange: ({ node: about, state, reporters }) => tell({ type: 'liveness', about, state, reporters }),
  });
}
