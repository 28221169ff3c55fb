/** The actors of a node's thread, spawned together over the real storage and mailboxes. */

import type { GossipOptions } from '../../actors/gossip-agent.js';
import type { HintCounts } from '../../actors/hint-keeper.js';
import { nodeActors } from '../../actors/index.js';
import type { RepairCounts } from '../../actors/repair-counts.js';
import type { PartitionDoubts } from '../actor/partition-doubts.js';
import type { Placement } from '../actor/ports.js';
import { asStoreError } from '../core/errors.js';
import { GOSSIP_PRESETS } from '../core/gossip-tuning.js';
import { nodeIndex } from '../core/ids.js';
import type { HostOf } from '../core/reporters.js';
import { allMembers, type RingState } from '../core/ring-state.js';
import { recordBytesMax } from '../protocol/limits.js';
import { ActorSystem } from '../runtime/actor-system.js';
import { Count } from '../runtime/counters.js';
import type { PostOffice } from '../runtime/post-office.js';
import type { Engine } from '../storage/engine.js';
import type { NodeEvent } from './events.js';
import { countMoved, hasEnded, livenessView, ringView, Status } from './thread-map.js';
import type { NodeStart } from './worker-main.js';

export interface NodeActorsParts {
  readonly start: NodeStart;
  readonly ring: RingState;
  readonly store: Engine;
  readonly post: PostOffice;
  readonly tell: (event: NodeEvent) => void;
  readonly doubts: PartitionDoubts;
}

/** The node's actor system, with its actors started. */
export function spawnNodeActors({ start, ring, store, post, tell, doubts }: NodeActorsParts): ActorSystem {
  const { map, node, clockDriftMaxMs, siblingsMax, pairBytesMax, hintBytesMax, hintAgeMaxMs } = start;
  const counters = new Int32Array(map.counters[node]);
  const placement = ringView(map, node, ring, (newer) => tell({ type: 'ring', ring: newer }));
  const system = new ActorSystem({
    node: nodeIndex(node),
    store,
    placement,
    post,
    counters,
    partitions: map.partitions,
    onRestart: (role, instance, error) =>
      tell({ type: 'actor-restarted', role, instance, error: asStoreError(error).message }),
  });
  const status = new Int32Array(map.status);
  // Atomics: acquire; the host has raised it before this thread began
  const incarnation = Atomics.load(status, node * Status.line + Status.incarnation);
  const actors = nodeActors({
    node,
    partitions: map.partitions,
    vnode: { clockDriftMaxMs, siblingsMax, recordBytesMax: recordBytesMax(pairBytesMax) },
    coordinator: { incarnation },
    gossip: gossipOptions(start, placement, incarnation, tell),
    ring: {
      quorums: start.quorums,
      onMoved: (bytes, records) => countMoved(map, node, bytes, records),
      // Atomics: acquire
      isReleased: () => Atomics.load(status, node * Status.line + Status.released) === 1,
    },
    hints: { hintBytesMax, hintAgeMaxMs, report: (counts) => countHints(counts, counters) },
    doubts,
    collector: {
      intervalMs: start.collectionIntervalMs,
      clockDriftMaxMs,
      onCollected: (records) => {
        counters[Count.collected] += records;
      },
    },
    antiEntropy: {
      w: start.quorums.w,
      intervalMs: start.antiEntropyIntervalMs,
      verifyIntervalMs: start.verifyIntervalMs,
      report: (counts) => countRepairs(counts, counters),
      onTreeDiffers: (partition) => tell({ type: 'tree-differs', partition }),
    },
  });
  for (const { address, behaviour } of actors) system.spawn(address, behaviour);
  return system;
}

function countHints({ hints, bytes, notes, handedOver }: HintCounts, counters: Int32Array): void {
  counters[Count.hints] = hints;
  counters[Count.hintKiB] = Math.ceil(bytes / 1024);
  counters[Count.notes] = notes;
  counters[Count.hintsHandedOver] = handedOver;
}

function countRepairs(counts: RepairCounts, counters: Int32Array): void {
  counters[Count.exchanges] = counts.exchanges;
  counters[Count.keysDiffering] = counts.differing;
  counters[Count.recordsSent] = counts.sent;
  counters[Count.recordsReceived] = counts.received;
  counters[Count.exchangesWaiting] = counts.waiting;
  counters[Count.inDoubt] = counts.inDoubt;
  counters[Count.healed] = counts.healed;
  counters[Count.setAside] = counts.setAside;
  counters[Count.setAsideKiB] = Math.ceil(counts.setAsideBytes / 1024);
  counters[Count.setAsideDropped] = counts.setAsideDropped;
  counters[Count.verified] = counts.verified;
  counters[Count.treesDiffering] = counts.treesDiffering;
  counters[Count.lastRoundSeconds] = Math.floor(counts.lastRoundMs / 1_000);
}

function gossipOptions(
  { map, node, gossip }: NodeStart,
  placement: Placement,
  incarnation: number,
  tell: NodeActorsParts['tell'],
): GossipOptions {
  return {
    tuning: GOSSIP_PRESETS[gossip],
    incarnation,
    view: livenessView(map, node),
    hostOf: hostsOf(placement),
    hasEnded: (other) => hasEnded(map, other),
    onChange: ({ node: about, state, reporters }) => tell({ type: 'liveness', about, state, reporters }),
  };
}

/** The host of each member, by the ring that the node has adopted. */
function hostsOf(placement: Placement): HostOf {
  let known: RingState | undefined;
  let hosts = new Map<number, string>();
  return (node) => {
    if (placement.ring !== known) {
      known = placement.ring;
      hosts = new Map(allMembers(known).map((member) => [member.node, member.host]));
    }
    return hosts.get(node) ?? '';
  };
}
