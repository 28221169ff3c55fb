/**
 * What befalls nodes and hosts: they end between turns or within one, and their actors throw; they stop for a while and
 * run slowly.
 */
import type { Fault, FaultScope } from './faults.js';
import type { SimNode } from './sim-node.js';

export const NODE_FAULTS: Readonly<Record<string, Fault>> = {
  'node crash': { weight: 3, strike: (scope) => crash(scope, [anyNode(scope)]) },
  'node crash in a turn': {
    weight: 3,
    strike: (scope) => {
      const { random, until } = scope;
      const node = anyNode(scope);
      node.store.crashAt = random.pick(['commit', 'publish'] as const);
      until(random.between(1, 40), () => {
        node.store.crashAt = undefined;
        crash(scope, [node]);
      });
    },
  },
  'host crash': {
    weight: 1,
    strike: (scope) => {
      const host = scope.random.pick(scope.world.hosts);
      crash(scope, nodesOf(scope, host.index));
    },
  },
  'handler throws': { weight: 2, strike: (scope) => scope.throwing.add(anyNode(scope).index) },
};

export const DELAY_FAULTS: Readonly<Record<string, Fault>> = {
  pause: {
    weight: 2,
    strike: (scope) => scope.world.pause(anyNode(scope), scope.random.between(1, 150) * scope.plan.pace),
  },
  'slow node': {
    weight: 1,
    strike: (scope) => {
      const { world, random, plan } = scope;
      world.slow(anyNode(scope), random.between(20, 200) * plan.pace, random.between(20, 200));
    },
  },
};

/** One of those that ever ran. */
export function anyNode({ world, random }: FaultScope): SimNode {
  return random.pick(world.nodes.filter(({ life }) => life > 0));
}

export function nodesOf({ world }: FaultScope, host: number): SimNode[] {
  return world.nodes.filter(({ index, life }) => life > 0 && world.hostOf(index).index === host);
}

/** Ends these nodes at once; each comes back by itself, some at once. `lose`: what their disks do meanwhile. */
export function crash(
  { world, random, until }: FaultScope,
  nodes: readonly SimNode[],
  lose: (node: SimNode) => void = () => undefined,
): void {
  for (const node of nodes) {
    world.crash(node);
    lose(node);
    const downMs = random.chance(0.3) ? random.between(0.1, 3) : random.between(3, 200);
    until(downMs, () => world.restart(node));
  }
}
