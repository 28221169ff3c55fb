/**
 * The whole-store measurements: what each id means, and which peers stand beside it.
 *
 *     embedded . action . n replicas . depth in flight | batch of 100 [. batches in flight]
 *
 * An id is a promise to whoever compares runs over time: it never changes its meaning.
 */
import type { OpenOptions } from '../../src/core/options.js';
import type { Action } from '../harness/bout.js';

export type StoreKind = 'n1' | 'n3' | 'n1-sync';
export type PeerName =
  | 'ioredis'
  | 'ioredis-multi-key'
  | 'node-redis'
  | 'lmdb'
  | 'lmdb-durable'
  | 'lmdb-grouped'
  | 'classic-level'
  | 'map';

export interface StoreCase {
  readonly id: string;
  readonly store: StoreKind;
  readonly action: Action;
  /** Requests (batches, for the batch actions) in flight. */
  readonly depth: number;
  readonly peers: readonly PeerName[];
}

const MiB = 1024 * 1024;
const ONE_KEY: readonly PeerName[] = ['ioredis', 'node-redis', 'lmdb', 'classic-level', 'map'];
const BATCHED: readonly PeerName[] = ['ioredis', 'ioredis-multi-key', 'node-redis', 'lmdb', 'classic-level', 'map'];
const DURABLE: readonly PeerName[] = ['lmdb-durable', 'lmdb-grouped'];

/** How each kind of store is opened; the path is the suite's. */
export const STORE_OPTIONS: Readonly<Record<StoreKind, OpenOptions>> = {
  n1: { nodes: 2, n: 1, r: 1, w: 1, durability: 'interval', memoryBytes: 512 * MiB },
  n3: { nodes: 3, n: 3, r: 2, w: 2, durability: 'interval', memoryBytes: 512 * MiB },
  'n1-sync': { nodes: 2, n: 1, r: 1, w: 1, durability: 'sync', memoryBytes: 512 * MiB },
};

/** Every case, grouped by store so that each store is opened once. */
export const STORE_CASES: readonly StoreCase[] = [
  { id: 'embedded.get.n1.depth128', store: 'n1', action: 'get', depth: 128, peers: ONE_KEY },
  { id: 'embedded.put.n1.depth128', store: 'n1', action: 'put', depth: 128, peers: ONE_KEY },
  { id: 'embedded.put.n1.depth1024', store: 'n1', action: 'put', depth: 1024, peers: ONE_KEY },
  { id: 'embedded.putMany.n1.batch100', store: 'n1', action: 'putMany', depth: 1, peers: BATCHED },
  { id: 'embedded.putMany.n1.batch100.inflight8', store: 'n1', action: 'putMany', depth: 8, peers: BATCHED },
  { id: 'embedded.get.n3.depth128', store: 'n3', action: 'get', depth: 128, peers: ONE_KEY },
  { id: 'embedded.get.n3.depth1', store: 'n3', action: 'get', depth: 1, peers: ONE_KEY },
  { id: 'embedded.put.n3.depth128', store: 'n3', action: 'put', depth: 128, peers: ONE_KEY },
  { id: 'embedded.put.n3.depth1024', store: 'n3', action: 'put', depth: 1024, peers: ONE_KEY },
  { id: 'embedded.getMany.n3.batch100', store: 'n3', action: 'getMany', depth: 1, peers: BATCHED },
  { id: 'embedded.getMany.n3.batch100.inflight8', store: 'n3', action: 'getMany', depth: 8, peers: BATCHED },
  { id: 'embedded.put.sync.n1.depth1024', store: 'n1-sync', action: 'put', depth: 1024, peers: DURABLE },
];
