/**
 * Ring maps for tests, drawn by fast-check with mixed weights and every domain level.
 */
import fc from 'fast-check';
import type { FailureDomain } from '../../src/core/options.js';
import type { Placement, RingMap } from '../../src/core/ring.js';
import { ringOf } from '../../src/sim/ring-plan.js';

export { ringOf };

/** The map without its last member. */
export function withoutLast(map: RingMap): RingMap {
  return { ...map, members: map.members.slice(0, -1) };
}

/** Rings of `min` to `max` nodes; the first n + 1 nodes stand in domains of their own, the others anywhere. */
export function rings(min: number, max: number): fc.Arbitrary<RingMap> {
  return fc
    .record({
      nodes: fc.array(fc.record({ weight: fc.constantFrom(0.5, 1, 1, 2, 4), label: fc.nat(5) }), {
        minLength: min,
        maxLength: max,
      }),
      failureDomain: fc.constantFrom<FailureDomain>('node', 'host', 'zone'),
      n: fc.constantFrom(1, 2, 3),
      partitions: fc.constantFrom(64, 256, 1024),
    })
    .map(({ nodes, failureDomain, n, partitions }) => {
      const labels = nodes.map(({ label }, node) => `d${node <= n ? node : label % Math.max(n, 4)}`);
      return ringOf({
        weights: nodes.map(({ weight }) => weight),
        hosts: labels,
        zones: labels,
        failureDomain,
        n,
        partitions,
      });
    });
}

export function countHeld(lists: Placement): ReadonlyMap<number, number> {
  const held = new Map<number, number>();
  for (const list of lists) for (const node of list) held.set(node, (held.get(node) ?? 0) + 1);
  return held;
}
