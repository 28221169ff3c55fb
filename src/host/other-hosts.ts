/**
 * What a host has to do with the other hosts of its cluster: the bridge to them, where they can be reached, what they are
 * told of the ring, and whether this host is still to become one of them.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BridgeStats } from '../bridge/stats.js';
import type { HostAddress } from '../bridge/types.js';
import { claimOf } from '../core/host-claims.js';
import type { StoreOptions } from '../core/options.js';
import { idleHosts } from '../core/ring-hosts.js';
import { allMembers, type RingState } from '../core/ring-state.js';
import type { StorageMark } from '../core/storage-mark.js';
import { bridgeThread } from '../runtime/post-office.js';
import type { BridgeEvent } from './bridge-main.js';
import { bridgeSettings, factsOf, seedsOf } from './bridge-settings.js';
import { BridgeThread } from './bridge-thread.js';
import type { ControlLink } from './control.js';
import type { DataDirectory, KnownHosts } from './data-directory.js';
import { askForRing } from './joining.js';
import type { StoreEvents } from './reports.js';
import type { SeatLink } from './seat-table.js';
import { StorageWatch } from './storage-watch.js';
import { localNodes, type ThreadMap } from './thread-map.js';

export interface OtherHostsParts {
  readonly map: ThreadMap;
  readonly options: StoreOptions;
  readonly directory: DataDirectory;
  readonly ring: () => RingState;
  /** Gives the bridge the seats and the nodes of this host. */
  readonly introduce: (bridge: BridgeThread) => Promise<void>;
  readonly emit: <Name extends 'host' | 'host-refused'>(name: Name, detail: StoreEvents[Name]) => void;
  readonly report: (error: unknown) => void;
}

/** How long `open` waits for hosts that it knows; for the others, once one of them has said what it has seen of this host. */
const MEET_MS_MAX = 3_000;
const HEAR_MS_MAX = 300;
/** How often the others are told how far the storage of own nodes has come, and what they have told is kept. */
const MARK_MS = 5_000;
const MEET_LOOK_MS = 10;

export class OtherHosts {
  readonly #parts: OtherHostsParts;
  readonly #bridge: BridgeThread | undefined;
  #known: KnownHosts;
  /** Hosts that are connected. */
  readonly #up = new Set<string>();
  readonly #seeds: readonly string[];
  /** Why connections to an address come to nothing; of hosts that are known and not connected, and of seeds. */
  readonly #refusals = new Map<string, string>();

  readonly #storage: StorageWatch;
  #marking: NodeJS.Timeout | undefined;
  #meetUntilMs = 0;

  /** The storage of a node that runs turns out to be an older copy of what others have seen. */
  onOvertaken: (node: number) => void = () => undefined;
  /** A host wants to be let in, with room for so many nodes. */
  onAsker: (host: string, room: number) => void = () => undefined;

  constructor(parts: OtherHostsParts) {
    this.#parts = parts;
    const { directory } = parts;
    this.#known = withoutForgotten(directory.readHosts(), parts.ring());
    this.#seeds = seedsOf(parts.options);
    this.#storage = new StorageWatch({
      path: directory.path,
      nodes: parts.options.listen === undefined ? [] : localNodes(parts.map),
      nodeDirectory: (node) => directory.nodeDirectory(node),
    });
    if (parts.options.listen === undefined) return;
    if (this.#known.clusterId === '') this.#write({ ...this.#known, clusterId: randomUUID() });
    const { map, options, ring, introduce, report } = parts;
    this.#bridge = new BridgeThread({
      map,
      settings: () => {
        const { hosts: known, clusterId } = this.#known;
        const { hosts: claims } = ring();
        return bridgeSettings(options, { ...map, known, clusterId, claims, idle: idleHosts(ring()) });
      },
      facts: () => factsOf(options, ring(), this.#known.clusterId),
      marks: () => ({ own: this.#storage.own(), seen: this.#storage.seen }),
      onSpawn: introduce,
      onEvent: (event) => this.#onEvent(event),
      onError: report,
    });
  }

  /** @throws StoreError where it cannot listen, KV_INVALID_OPTION */
  async start(): Promise<void> {
    if (this.#bridge === undefined) return;
    await this.#bridge.start();
    this.#meetUntilMs = performance.now() + MEET_MS_MAX;
    this.#marking = setInterval(() => void this.#mark(), MARK_MS).unref();
  }

  async #mark(): Promise<void> {
    this.#storage.save();
    await this.#bridge?.setOwn(this.#storage.own()).catch(() => undefined);
  }

  /** What other hosts have seen of the storage of a node, where that is more than there is. */
  overtakenBy(node: number): StorageMark | undefined {
    return this.#storage.overtakenBy(node);
  }

  #onEvent(event: BridgeEvent): void {
    const { emit } = this.#parts;
    switch (event.type) {
      case 'peer':
        if (event.state === 'up') this.#up.add(event.host);
        else this.#up.delete(event.host);
        this.#refusals.delete(this.#addressOf(event.host));
        emit('host', { host: event.host, state: event.state, reason: event.reason ?? '' });
        return;
      case 'asker':
        this.onAsker(event.host, event.room);
        return;
      case 'storage':
        this.#storage.learn(event.marks);
        this.#storage.hear(event.host, event.seen);
        for (const { node } of event.seen) if (this.overtakenBy(node) !== undefined) this.onOvertaken(node);
        return;
      case 'hosts':
        this.#write({ ...this.#known, hosts: event.hosts });
        for (const address of this.#refusals.keys()) if (!this.#isDialed(address)) this.#refusals.delete(address);
        return;
      case 'refused':
        if (this.#isDialed(event.address)) this.#refusals.set(event.address, event.reason);
        emit('host-refused', { address: event.address, reason: event.reason });
    }
  }

  #write(known: KnownHosts): void {
    this.#known = known;
    try {
      this.#parts.directory.writeHosts(known);
    } catch (error) {
      this.#parts.report(error);
    }
  }

  /** The thread of the bridge, which seats have mailboxes to, if there is one. */
  get link(): readonly [thread: number, link: SeatLink] | undefined {
    return this.#bridge === undefined ? undefined : [bridgeThread(this.#parts.map), this.#bridge];
  }

  /** A node of this host begins a life. */
  async introduce(node: number, link: ControlLink): Promise<void> {
    await this.#bridge?.introduce(node, link);
  }

  /** This host follows another ring. */
  follow(ring: RingState): void {
    if (this.#bridge === undefined) return;
    const facts = factsOf(this.#parts.options, ring, this.#known.clusterId);
    this.#bridge.setFacts(facts, idleHosts(ring)).catch(() => undefined);
    if (this.#hasMembers && !this.#known.hasJoined) this.#write({ ...this.#known, hasJoined: true });
  }

  get #hasMembers(): boolean {
    return allMembers(this.#parts.ring()).some(({ host }) => host === this.#parts.options.hostId);
  }

  /** None of this host's nodes is a member, and none ever was: it is still to join the cluster of its seeds. */
  get isGuest(): boolean {
    return this.#bridge !== undefined && !this.#known.hasJoined && !this.#hasMembers;
  }

  /** Where hosts can be reached, this one included if it can. */
  get addresses(): readonly HostAddress[] {
    const { hosts } = this.#known;
    if (this.#bridge === undefined) return hosts;
    const { self } = bridgeSettings(this.#parts.options, {
      ...this.#parts.map,
      known: [],
      clusterId: '',
      claims: [],
      idle: [],
    });
    return [self, ...hosts.filter(({ host }) => host !== self.host)];
  }

  #isDialed(address: string): boolean {
    return this.#known.hosts.some((known) => known.address === address) || this.#seeds.includes(address);
  }

  #addressOf(host: string): string {
    return this.#known.hosts.find((known) => known.host === host)?.address ?? '';
  }

  /** Why there is no connection to a host, as far as that is known. */
  refusalOf(host: string): string | undefined {
    return this.#refusals.get(this.#addressOf(host));
  }

  /** Resolves when the hosts that are known have said what they have seen of this one, or have had their time. */
  async hear(): Promise<void> {
    let untilMs = this.#meetUntilMs;
    let isFirst = true;
    while (this.#bridge !== undefined && performance.now() < untilMs) {
      const heard = this.#others.filter((host) => this.#storage.hasHeard(host));
      if (heard.length === this.#others.length) return;
      if (heard.length > 0 && isFirst) {
        isFirst = false;
        untilMs = Math.min(untilMs, performance.now() + HEAR_MS_MAX);
      }
      await sleep(MEET_LOOK_MS);
    }
  }

  /** Resolves when every host that is known is connected, or has had its time: then requests find whoever they need. */
  async meet(): Promise<void> {
    const isMet = () => this.#others.every((host) => this.#up.has(host));
    while (this.#bridge !== undefined && !isMet() && performance.now() < this.#meetUntilMs) await sleep(MEET_LOOK_MS);
  }

  /** Ids of the others that are known. */
  get #others(): string[] {
    return this.#known.hosts.map(({ host }) => host).filter((host) => host !== this.#parts.options.hostId);
  }

  /** Whether any other host can be reached. */
  get hasCompany(): boolean {
    return this.#up.size > 0;
  }

  /** No node of this host follows the ring: it must be asked for. */
  get isOnlooker(): boolean {
    return this.#bridge !== undefined && !this.#hasMembers;
  }

  /** The ring as another host knows it; undefined where none answers. */
  learnRing(): Promise<RingState | undefined> {
    const { options } = this.#parts;
    const others = this.#known.hosts.filter(({ host }) => host !== options.hostId);
    return askForRing(options, others);
  }

  /** What passes between this host and the others; undefined where it has no bridge. */
  async stats(): Promise<BridgeStats | undefined> {
    return this.#bridge?.stats();
  }

  async close(): Promise<void> {
    clearInterval(this.#marking);
    // where its nodes have closed is exact
    await this.#mark();
    await this.#bridge?.close();
  }
}

/** The ring is written first when a host is forgotten: the process may have ended before its address was dropped too. */
function withoutForgotten(known: KnownHosts, { hosts: claims }: RingState): KnownHosts {
  if (claims.length === 0) return known;
  return { ...known, hosts: known.hosts.filter(({ host }) => claimOf(claims, host) !== undefined) };
}
