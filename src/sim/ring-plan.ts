/** Ring maps for simulations and tests, from weights and labels. */
import { epoch, nodeIndex } from '../core/ids.js';
import type { FailureDomain } from '../core/options.js';
import type { RingMap } from '../core/ring.js';
import { firstRingState, type RingState } from '../core/ring-state.js';

export interface RingPlan {
  readonly weights: readonly number[];
  readonly hosts?: readonly string[];
  readonly zones?: readonly string[];
  readonly failureDomain?: FailureDomain;
  readonly partitions?: number;
  readonly n?: number;
}

export function ringOf(plan: RingPlan): RingMap {
  return {
    epoch: epoch(1),
    partitions: plan.partitions ?? 256,
    n: plan.n ?? 3,
    failureDomain: plan.failureDomain ?? 'node',
    members: plan.weights.map((weight, node) => ({
      node: nodeIndex(node),
      host: plan.hosts?.[node] ?? `host-${node}`,
      machine: 'machine',
      zone: plan.zones?.[node] ?? 'zone',
      weight,
    })),
  };
}

/** The first ring of a world: nodes of weight 1, so many to a host, each host in its zone. */
export function simRing(shape: {
  readonly nodes: number;
  readonly n: number;
  readonly partitions: number;
  readonly nodesPerHost?: number;
  /** Zone of each host; one zone where left out. */
  readonly zones?: readonly string[];
  readonly failureDomain?: FailureDomain;
}): RingState {
  const { nodes, n, partitions, nodesPerHost = 1, zones, failureDomain = 'node' } = shape;
  const hosts = Array.from({ length: nodes }, (_, node) => `host-${Math.floor(node / nodesPerHost)}`);
  const zonesOfNodes = hosts.map((_, node) => zones?.[Math.floor(node / nodesPerHost)] ?? 'zone');
  const weights = new Array<number>(nodes).fill(1);
  return firstRingState(ringOf({ weights, n, partitions, hosts, zones: zonesOfNodes, failureDomain }));
}
