/**
 * What disks do: lose or tear what was not synced when the machine goes down, come back empty or as they were some time
 * ago, refuse writes, hold records that cannot be read, and damage logs in their middle.
 */
import { failure } from '../protocol/outcome.js';
import type { Fault, FaultScope } from './faults.js';
import { anyNode, crash, nodesOf } from './faults-of-nodes.js';
import type { DiskLoss } from './sim-disk.js';
import type { SimNode } from './sim-node.js';

export const DISK_FAULTS: Readonly<Record<string, Fault>> = {
  'machine crash': {
    weight: 2,
    applies: ({ lossy }) => lossy.length > 0,
    strike: (scope) => {
      const { random, world, lossy, plan } = scope;
      const host = random.pick(world.hosts).index;
      const nodes = random.chance(0.5) ? [random.pick(lossy)] : nodesOf(scope, host);
      crash(scope, nodes, (node) => {
        if (plan.beyond || lossy.includes(node)) lose(scope, node, (lossyNode) => lossyNode.disk.loseUnsynced());
      });
    },
  },
  'disk wiped': {
    weight: 0.7,
    applies: ({ lossy }) => lossy.length > 0,
    strike: (scope) => crashLosing(scope, ({ disk }) => disk.wipe()),
  },
  'disk rolled back': {
    weight: 0.7,
    applies: ({ lossy }) => lossy.length > 0,
    strike: (scope) => crashLosing(scope, ({ disk }) => disk.rollBack()),
  },
  'disk full': {
    weight: 1,
    strike: (scope) => {
      const { random, until } = scope;
      const { store } = anyNode(scope);
      store.refusal = failure('KV_STORAGE_FULL');
      until(random.between(5, 60), () => {
        store.refusal = 0;
      });
    },
  },
  'record unreadable': {
    weight: 1,
    applies: ({ lossy }) => lossy.length > 0,
    strike: ({ world, random, keys, lossy, untilHealed }) => {
      const { store, index } = random.pick(lossy);
      const key = random.pick(keys);
      world.trace.note(world.nowMs, () => `node ${index} cannot read ${key}`, key);
      store.corrupt.add(key);
      // until another record takes its place, or the node begins anew
      untilHealed(() => {
        if (store.corrupt.size > 0 && world.nodes[index].store === store) world.crash(world.nodes[index]);
      });
    },
  },
};

/** Apart from the others, so that runs without them stay as they were. */
export const LOG_FAULTS: Readonly<Record<string, Fault>> = {
  'log damaged': {
    weight: 2,
    applies: ({ lossy }) => lossy.length > 0,
    strike: (scope) => crashLosing(scope, ({ disk }) => disk.damage()),
  },
};

function crashLosing(scope: FaultScope, how: (node: SimNode) => DiskLoss | undefined): void {
  crash(scope, [scope.random.pick(scope.lossy)], (node) => lose(scope, node, how));
}

function lose(scope: FaultScope, node: SimNode, how: (node: SimNode) => DiskLoss | undefined): void {
  if (node.departed) return;
  const loss = how(node);
  if (loss === undefined) return;
  scope.count(loss);
  scope.world.trace.note(scope.world.nowMs, () => `node ${node.index}: ${loss}, ${node.disk.log.length} records left`);
}
