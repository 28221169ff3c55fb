/** A cluster of host processes under test: its network, its hosts by number, and what it takes for it to be whole again. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OpenStoreOptions, RepairResult } from '../../src/index.js';
import { HostHandle } from './host-handle.js';
import { Loopback } from './loopback.js';
import { canMakeNamespaces, type HostNetwork, Namespaces } from './network.js';
import type { Look } from './orders.js';

export interface ClusterOptions {
  /** Hosts that there is a place for; they are started one by one. */
  readonly places: number;
  /** Of each host but the first, which begins the cluster and has three. */
  readonly nodesPerHost: number;
  readonly network: 'namespaces' | 'loopback' | 'best';
  readonly tell: (what: string) => void;
  /** Options of a host that differ from those of all. */
  readonly own?: (place: number) => OpenStoreOptions;
}

const EVENTS_SHOWN = 12;
const WHOLE_MS_MAX = 120_000;
/** A cluster of one host holds three replicas too. */
const FIRST_NODES = 3;
const SECRET = 'the secret of a cluster under test';

export class Cluster {
  readonly hosts: readonly HostHandle[];
  readonly network: HostNetwork;
  readonly folder = mkdtempSync(join(tmpdir(), 'kvorum-test-hosts-'));
  readonly #options: ClusterOptions;
  /** Places whose hosts are meant to be part of it. */
  readonly members = new Set<number>();

  private constructor(options: ClusterOptions, network: HostNetwork) {
    this.#options = options;
    this.network = network;
    this.hosts = namesOf(options.places).map((name, place) => new HostHandle(name, network.prefix(place)));
  }

  static async make(options: ClusterOptions): Promise<Cluster> {
    const { places, network } = options;
    const isApart = network === 'namespaces' || (network === 'best' && canMakeNamespaces());
    return new Cluster(options, isApart ? new Namespaces(places) : await Loopback.make(namesOf(places)));
  }

  directory(place: number): string {
    return join(this.folder, `host-${place}`);
  }

  optionsOf(place: number): OpenStoreOptions {
    const nodes = this.#nodesOf(place);
    return {
      path: this.directory(place),
      hostId: this.hosts[place].name,
      nodes,
      n: 3,
      r: 2,
      w: 2,
      partitions: 32,
      memoryBytes: nodes * 4 * 2 ** 20,
      listen: this.network.listen(place),
      advertise: this.network.advertise(place),
      seeds: this.#seedsOf(place),
      secret: SECRET,
      gossip: 'lan',
      collectionIntervalMs: 2_000,
      ...this.#options.own?.(place),
    };
  }

  /** The first one that is ever started begins the cluster: behind the others' proxies somebody might be. */
  #seedsOf(place: number): string {
    const isFirst = this.members.size === 1 && this.members.has(place);
    return (isFirst ? [place] : [0, 1, 2]).map((seed) => this.network.advertise(seed)).join(',');
  }

  #nodesOf(place: number): number {
    return this.#options.own?.(place).nodes ?? (place === 0 ? FIRST_NODES : this.#options.nodesPerHost);
  }

  /** Starts a host, for the first time or again. */
  async start(place: number): Promise<void> {
    this.members.add(place);
    await this.hosts[place].start(this.optionsOf(place));
  }

  /** Starts hosts at the same moment. */
  async startAll(places: readonly number[]): Promise<void> {
    await Promise.all(places.map((place) => this.start(place)));
  }

  /** The host's disk is empty. */
  wipe(place: number): void {
    rmSync(this.directory(place), { recursive: true, force: true });
  }

  get running(): HostHandle[] {
    return [...this.members].map((place) => this.hosts[place]).filter((host) => host.isRunning);
  }

  /** Waits until every host sees all members up and nothing moves. @throws Error after two minutes, saying what is missing */
  async whole(): Promise<void> {
    await this.#until(async () => {
      const looks = await Promise.all(this.running.map((host) => host.look()));
      return this.#problemsOf(looks);
    });
  }

  #problemsOf(looks: readonly Look[]): string[] {
    let wanted = 0;
    for (const place of this.members) wanted += this.#nodesOf(place);
    return looks.flatMap(({ members, isMoving, epoch, hints }, index) => {
      const name = this.running[index]?.name;
      const up = members.filter(({ state }) => state === 'up').length;
      const isWhole = up === wanted && members.length === wanted && !isMoving && hints === 0;
      return isWhole
        ? []
        : [`${name}: ${away(members)} of ${members.length} away, epoch ${epoch}, moving ${isMoving}, hints ${hints}`];
    });
  }

  async #until(problems: () => Promise<string[]>): Promise<void> {
    const endMs = performance.now() + WHOLE_MS_MAX;
    for (;;) {
      const missing = await problems().catch((error: unknown) => [String(error)]);
      if (missing.length === 0) return;
      if (performance.now() > endMs)
        throw new Error(`the cluster is not whole: ${[...missing, ...this.#lately()].join('; ')}`);
      await sleep(100);
    }
  }

  /** What the hosts told last. */
  #lately(): string[] {
    return this.hosts.map(({ name, events }) => {
      // an address that nobody listens at any more is tried for ever
      const told = events.filter((event) => !event.includes('ECONNREFUSED'));
      return `${name} told ${told.slice(-EVENTS_SHOWN).join(', ')}`;
    });
  }

  /** Repairs until all replicas are equal; the records that it had to move. @throws Error after two minutes */
  async equal(): Promise<number> {
    let moved = 0;
    await this.#until(async () => {
      const {
        differing,
        failed,
        moved: now,
      } = (await this.running[0].ask('repair', { dryRun: false })) as RepairResult;
      moved += now;
      return differing === 0 && failed.length === 0 ? [] : [`${differing} keys differ, ${JSON.stringify(failed)}`];
    });
    return moved;
  }

  /** Most memory that a host's process takes. */
  async rssMax(): Promise<number> {
    const looks = await Promise.all(this.running.map((host) => host.look()));
    return Math.max(...looks.map(({ rss }) => rss));
  }

  tell(what: string): void {
    this.#options.tell(what);
  }

  async close(): Promise<void> {
    await this.network.heal().catch(() => undefined);
    await Promise.all(this.hosts.map((host) => host.close()));
    await this.network.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const namesOf = (places: number): string[] => Array.from({ length: places }, (_, place) => `host-${place}`);

/** Which members are not up, and where. */
const away = (members: Look['members']): string =>
  members
    .filter(({ state }) => state !== 'up')
    .map(({ node, host, state }) => `node ${node} of ${host} ${state}`)
    .join(', ') || 'none';
