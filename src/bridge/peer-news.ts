/** What an authenticated peer tells of its nodes and of hosts that it knows, from plain data. */
import { holds, readHostAddress } from './host-address.js';
import { violation } from './refusal.js';
import type { HostAddress, NodeStatus } from './types.js';

/** @throws StoreError KV_PROTOCOL for anything but nodes of this peer */
export function readNodes(value: unknown, peer: HostAddress): NodeStatus[] {
  if (!Array.isArray(value)) throw violation('malformed', 'nodes that are no list');
  return value.map((entry: unknown) => {
    const { node, up, draining, incarnation } = (entry ?? {}) as Record<string, unknown>;
    if (!Number.isInteger(node) || !Number.isInteger(incarnation) || typeof up !== 'boolean') {
      throw violation('malformed', 'a node without its status');
    }
    if (!holds(peer, node as number)) throw violation('sender', `node ${node} is not of host ${peer.host}`);
    return { node: node as number, up, draining: draining === true, incarnation: incarnation as number };
  });
}

/** @throws StoreError KV_PROTOCOL for anything but hosts' addresses */
export function readHosts(value: unknown): HostAddress[] {
  if (!Array.isArray(value)) throw violation('malformed', 'hosts that are no list');
  return value.map((entry: unknown) => {
    const host = readHostAddress(entry);
    if (host === undefined) throw violation('malformed', 'a host without its address');
    return host;
  });
}
