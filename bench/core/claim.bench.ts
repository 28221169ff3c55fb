/** What a change of the ring costs: the claim of 256 partitions, three replicas, over a few and over many nodes. */
import { claim, placementOf } from '../../src/core/claim.js';
import { epoch, nodeIndex } from '../../src/core/ids.js';
import type { RingMap } from '../../src/core/ring.js';
import type { MicroCase, MicroSuite } from '../micro/suite.js';

const PARTITIONS = 256;
const REPLICAS = 3;

export const suite: MicroSuite = {
  open: () => ({ cases: [3, 8, 32].map(claimCase) }),
};

/** The claim is kept per map object, so each run makes a new one. */
function claimCase(nodes: number): MicroCase {
  return {
    name: `claim-${nodes}-nodes`,
    run: () => {
      const map = mapOf(nodes);
      if (placementOf(map).some((holders) => new Set(holders).size !== REPLICAS))
        throw new Error('a partition without three different holders');
      if (claim(map).length !== PARTITIONS) throw new Error('a partition without an owner');
    },
  };
}

function mapOf(nodes: number): RingMap {
  const members = Array.from({ length: nodes }, (_, node) => ({
    node: nodeIndex(node),
    host: 'host-1',
    machine: 'machine-1',
    zone: 'zone-1',
    weight: 1,
  }));
  return { epoch: epoch(1), partitions: PARTITIONS, n: REPLICAS, failureDomain: 'node', members };
}
