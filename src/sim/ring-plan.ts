/** Ring maps for simulations and tests, from weights and labels. */
import { epoch, nodeIndex } from '../core/ids.js';
import type { FailureDomain } from '../core/options.js';
import type { RingMap } from '../core/ring.js';

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
