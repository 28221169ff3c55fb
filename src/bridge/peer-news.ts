/** What an authenticated peer tells of its nodes and of hosts that it knows, from plain data. */
import { type NodeMark, readMark } from '../core/storage-mark.js';
import { holds, readHostAddress } from './host-address.js';
import { violation } from './refusal.js';
import type { HostAddress, NodeStatus, NodesTold } from './types.js';

/** @throws StoreError KV_PROTOCOL for anything but nodes of this peer, and marks of others */
export function readNodes(value: unknown, peer: HostAddress): NodesTold {
  const { nodes, seen } = (value ?? {}) as Record<string, unknown>;
  if (!Array.isArray(nodes) || !Array.isArray(seen)) throw violation('malformed', 'nodes that are no list');
  return { nodes: nodes.map((entry: unknown) => readNode(entry, peer)), seen: seen.map(readSeen) };
}

function readNode(entry: unknown, peer: HostAddress): NodeStatus {
  const { node, up, draining, doubtful, incarnation, storage } = (entry ?? {}) as Record<string, unknown>;
  if (!Number.isInteger(node) || !Number.isInteger(incarnation) || typeof up !== 'boolean') {
    throw violation('malformed', 'a node without its status');
  }
  if (!holds(peer, node as number)) throw violation('sender', `node ${node} is not of host ${peer.host}`);
  const life = { node: node as number, up, draining: draining === true, incarnation: incarnation as number };
  const status = typeof doubtful === 'boolean' ? { ...life, doubtful } : life;
  if (storage === undefined) return status;
  const { replica, bornMs, sequence } = readSeen({ ...(storage as object), node });
  return { ...status, storage: { replica, bornMs, sequence } };
}

function readSeen(entry: unknown): NodeMark {
  const mark = readMark(entry);
  if (mark === undefined) throw violation('malformed', 'a mark of a storage that is none');
  return mark;
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
