/**
 * What must hold once all is healed and quiet: nothing acknowledged is lost, the replicas are equal byte for byte, no
 * request is open, no queue has grown beyond its bound, and no actor threw unasked.
 */
import type { AntiEntropyState } from '../../actors/anti-entropy.js';
import type { CoordinatorState } from '../../actors/coordinator.js';
import { PartitionTrees } from '../../actors/partition-trees.js';
import { Role } from '../actor/address.js';
import type { PartitionId } from '../core/ids.js';
import type { Sibling } from '../core/siblings.js';
import { Count } from '../runtime/counters.js';
import { PlannedThrow } from './faults.js';
import { type Judge, nameOf } from './judge.js';
import { setOf } from './messages.js';
import type { Observer } from './observer.js';
import type { Plan } from './plan.js';
import type { World } from './world.js';

export interface FinalScope {
  readonly world: World;
  readonly observer: Observer;
  readonly plan: Plan;
  readonly judge: Judge;
  readonly keys: readonly string[];
}

export function checkFinally(scope: FinalScope): void {
  for (const key of scope.keys) {
    checkReplicas(scope, key);
    checkWrites(scope, key);
  }
  checkRequests(scope);
  checkQueues(scope);
  checkTrees(scope);
  checkThrown(scope);
}

/** Whether all replicas of a key are equal byte for byte; what has expired may be buried on some of them. */
export function areEqual(world: World, key: string): boolean {
  const [first, ...others] = world.holdersOf(key).map((node) => world.nodes[node].store.record(key));
  return others.every(
    (record) => record === first || record?.join() === first?.join() || areBuriedAlike(record, first),
  );
}

function areBuriedAlike(...records: readonly (Int32Array<ArrayBuffer> | undefined)[]): boolean {
  const [one, other] = records.map((record) => {
    const { vector, siblings } = setOf(record);
    return JSON.stringify([vector, siblings.map((sibling) => (sibling.expiresAtMs > 0 ? buried(sibling) : sibling))]);
  });
  return one === other;
}

/** As a node keeps it that has seen it expire. */
const buried = (sibling: Sibling): Sibling => ({ ...sibling, tombstone: true, value: new Uint8Array() });

function checkReplicas({ world, observer }: FinalScope, key: string): void {
  if (!areEqual(world, key)) observer.problem(`the replicas of ${key} differ after all is quiet`, key);
}

/** The last read of the key, which asked all of its replicas, has seen every write that was acknowledged. */
function checkWrites({ world, observer, plan, judge }: FinalScope, key: string): void {
  const last = world.clients[0].history.findLast((call) => call.kind === 'read' && call.order.key === key);
  if (last?.kind !== 'read' || last.error !== undefined) {
    observer.problem(`${key} cannot be read after all is healed: ${last?.error}`, key);
    return;
  }
  if (plan.beyond) return;
  judge.checkLast(last);
  for (const write of judge.acked) {
    if (!judge.mustLast(write) || write.order.key !== key || observer.hasSeen(last.set, nameOf(write))) continue;
    observer.problem(`the acknowledged write ${nameOf(write)} of ${key} is lost`, key);
  }
}

function checkRequests({ world, observer }: FinalScope): void {
  for (const { index, system } of world.nodes.filter(({ up }) => up)) {
    const { writes, reads } = system.stateOf(Role.coordinator, 0) as CoordinatorState;
    const { active } = writes.table;
    if (active > 0) observer.problem(`node ${index} never ended ${active} writes`);
    if (reads.open.size > 0) observer.problem(`node ${index} never ended ${reads.open.size} reads`);
  }
  for (const { inFlight, seat } of world.clients) {
    if (inFlight > 0) observer.problem(`client ${seat} still waits for ${inFlight} calls`);
  }
}

function checkQueues({ world, observer, plan }: FinalScope): void {
  const { highWaterBytes } = world.network;
  if (highWaterBytes > world.laneBytesMax) observer.problem(`a lane held ${highWaterBytes} bytes`);
  const bytesMax = plan.hints.hintBytesMax * world.nodes.length;
  for (const { index, hintBytesMost } of world.nodes) {
    if (hintBytesMost > bytesMax) observer.problem(`node ${index} kept ${hintBytesMost} bytes of hints`);
  }
}

/** Trees that the writes kept up are those that a pass over the store builds. */
function checkTrees({ world, observer }: FinalScope): void {
  for (const { index, system, store, treesDiffering } of world.nodes.filter(({ up }) => up)) {
    for (const partition of treesDiffering)
      observer.problem(`node ${index} had a wrong tree of partition ${partition}`);
    const { trees } = system.stateOf(Role.antiEntropy, 0) as AntiEntropyState;
    for (let partition = 0; partition < world.partitions; partition++) {
      const tree = trees.of(partition);
      if (tree === undefined) continue;
      const fresh = new PartitionTrees(store, world, new Uint8Array(world.partitions + 1));
      fresh.begin(partition);
      fresh.advance(partition as PartitionId, Number.MAX_SAFE_INTEGER, () => undefined);
      if (fresh.of(partition)?.equals(tree) === true) continue;
      observer.problem(`the tree of partition ${partition} on node ${index} is not what its records make`);
    }
  }
}

function checkThrown({ world, observer }: FinalScope): void {
  for (const { index, counters } of world.nodes.filter(({ life }) => life > 0)) {
    const lost = counters[Count.undeliverable];
    if (lost > 0) observer.problem(`node ${index} could not deliver ${lost} messages`);
  }
  for (const { role, error } of world.thrown) {
    if (!(error instanceof PlannedThrow)) observer.problem(`a ${role} threw ${String(error)}`);
  }
}
