/**
 * What a host tells an authenticated peer of its nodes and of hosts that it knows, as frames of plain data and back. Of long
 * lists each frame has a part, which is news by itself: the peer adds it to what it has heard.
 */
import { type NodeMark, readMark } from '../core/storage-mark.js';
import { holds, readHostAddress } from './host-address.js';
import { HOSTS_PER_FRAME_MAX, NODES_PER_FRAME_MAX } from './limits.js';
import { plainFrame, type UnsealedFrame } from './plain-frame.js';
import { violation } from './refusal.js';
import type { HostAddress, NodeStatus, NodesTold } from './types.js';

/** At least one: who has no nodes says so. */
export function nodesFrames({ nodes, seen }: NodesTold): UnsealedFrame[] {
  return partsOf(Math.max(nodes.length, seen.length), NODES_PER_FRAME_MAX).map(([from, to]) =>
    plainFrame({ nodes: nodes.slice(from, to), seen: seen.slice(from, to) }),
  );
}

export function hostsFrames(hosts: readonly HostAddress[]): UnsealedFrame[] {
  return partsOf(hosts.length, HOSTS_PER_FRAME_MAX).map(([from, to]) => plainFrame(hosts.slice(from, to)));
}

/** Where each part of a list begins and ends; one, empty, of an empty list. */
function partsOf(length: number, partMax: number): [from: number, to: number][] {
  return Array.from({ length: Math.max(1, Math.ceil(length / partMax)) }, (_, i) => [i * partMax, (i + 1) * partMax]);
}

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
