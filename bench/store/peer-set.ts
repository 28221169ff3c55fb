/**
 * The peers of a run: each is opened and filled the first time a case asks for it, kept for the cases after it, and
 * closed at the end. A peer that is not installed is named once, with the reason, and left out.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Bout } from '../harness/bout.js';
import type { Target } from '../harness/target.js';
import type { Workload } from '../harness/workload.js';
import { openClassicLevel } from '../peers/classic-level.js';
import { openIoredis } from '../peers/ioredis.js';
import { openLmdb } from '../peers/lmdb.js';
import { openMap } from '../peers/map.js';
import { openNodeRedis } from '../peers/node-redis.js';
import { type RedisServer, startRedis } from '../peers/redis-server.js';
import type { PeerName } from './cases.js';

const REDIS_PEERS: readonly PeerName[] = ['ioredis', 'ioredis-multi-key', 'node-redis'];

export class PeerSet {
  readonly skipped: string[] = [];
  readonly #folder: string;
  readonly #workload: Workload;
  readonly #bouts = new Map<PeerName, Bout>();
  /** undefined: not tried yet; null: not installed. */
  #redis: RedisServer | null | undefined;

  constructor(folder: string, workload: Workload) {
    this.#folder = folder;
    this.#workload = workload;
  }

  /** The filled peer, or undefined where it is not installed. */
  async bout(name: PeerName): Promise<Bout | undefined> {
    const known = this.#bouts.get(name);
    if (known !== undefined) return known;
    const target = await this.#open(name);
    if (target === undefined) return undefined;
    const bout = new Bout(target, this.#workload);
    this.#bouts.set(name, bout);
    await bout.fill();
    return bout;
  }

  async close(): Promise<void> {
    for (const bout of this.#bouts.values()) await bout.target.close();
    this.#bouts.clear();
    await this.#redis?.stop();
    this.#redis = undefined;
  }

  async #open(name: PeerName): Promise<Target | undefined> {
    if (REDIS_PEERS.includes(name)) return this.#openRedisClient(name);
    if (name === 'map') return openMap();
    const folder = join(this.#folder, name);
    await mkdir(folder, { recursive: true });
    if (name === 'classic-level') return openClassicLevel(folder);
    return openLmdb(folder, name === 'lmdb' ? 'none' : name === 'lmdb-grouped' ? 'grouped' : 'each');
  }

  async #openRedisClient(name: PeerName): Promise<Target | undefined> {
    if (this.#redis === undefined) {
      this.#redis = (await startRedis()) ?? null;
      if (this.#redis === null) this.skipped.push(`${REDIS_PEERS.join(', ')}: redis-server is not installed`);
    }
    if (this.#redis === null) return undefined;
    const { port } = this.#redis;
    return name === 'node-redis'
      ? openNodeRedis(port)
      : openIoredis(port, name === 'ioredis' ? 'pipeline' : 'multi-key');
  }
}
