/** The ring of a host that is made: each of its nodes a member. */
import { hostname } from 'node:os';
import { epoch, nodeIndex } from '../core/ids.js';
import type { StoreOptions } from '../core/options.js';
import type { Member, RingMap } from '../core/ring.js';

export function firstRing(options: StoreOptions): RingMap {
  const { nodes, n, partitions, failureDomain, weights } = options;
  const members = Array.from({ length: nodes }, (_, node) => memberOf(options, node, weights[node]));
  return { epoch: epoch(1), partitions, n, failureDomain, members };
}

/** A node of this host, as a member of the ring. */
export function memberOf({ hostId, zone }: StoreOptions, node: number, weight: number): Member {
  return { node: nodeIndex(node), host: hostId, machine: hostname(), zone, weight };
}
