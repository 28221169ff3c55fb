/**
 * What a host has to do with the other hosts of its cluster: the bridge to them, where they can be reached, what they are
 * told of the ring, and whether this host is still to become one of them.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BridgeStats } from '../bridge/stats.js';
import type { HostAddress } from '../bridge/types.js';
import type { StoreOptions } from '../core/options.js';
import { allMembers, type RingState } from '../core/ring-state.js';
import { bridgeThread } from '../runtime/post-office.js';
import type { BridgeEvent } from './bridge-main.js';
import { bridgeSettings, factsOf } from './bridge-settings.js';
import { BridgeThread } from './bridge-thread.js';
import type { ControlLink } from './control.js';
import type { DataDirectory, KnownHosts } from './data-directory.js';
import { askForRing } from './joining.js';
import type { StoreEvents } from './reports.js';
import type { SeatLink } from './seat-table.js';
import type { ThreadMap } from './thread-map.js';

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

/** How long `open` waits for hosts that it knows. */
const MEET_MS_MAX = 3_000;
const MEET_LOOK_MS = 10;

export class OtherHosts {
  readonly #parts: OtherHostsParts;
  readonly #bridge: BridgeThread | undefined;
  #known: KnownHosts;
  /** Hosts that are connected. */
  readonly #up = new Set<string>();
  /** Why the last connection to an address came to nothing; of hosts that are known and not connected. */
  readonly #refusals = new Map<string, string>();

  /** A host wants to be let in, with room for so many nodes. */
  onAsker: (host: string, room: number) => void = () => undefined;

  constructor(parts: OtherHostsParts) {
    this.#parts = parts;
    this.#known = parts.directory.readHosts();
    if (parts.options.listen === undefined) return;
    if (this.#known.clusterId === '') this.#write({ ...this.#known, clusterId: randomUUID() });
    const { map, options, ring, introduce, report } = parts;
    this.#bridge = new BridgeThread({
      map,
      settings: () => {
        const { hosts: known, clusterId } = this.#known;
        return bridgeSettings(options, { ...map, known, clusterId, claims: ring().hosts });
      },
      facts: () => factsOf(options, ring(), this.#known.clusterId),
      onSpawn: introduce,
      onEvent: (event) => this.#onEvent(event),
      onError: report,
    });
  }

  /** @throws StoreError where it cannot listen, KV_INVALID_OPTION */
  async start(): Promise<void> {
    await this.#bridge?.start();
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
      case 'hosts':
        this.#write({ ...this.#known, hosts: event.hosts });
        return;
      case 'refused':
        if (this.#known.hosts.some(({ address }) => address === event.address)) {
          this.#refusals.set(event.address, event.reason);
        }
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
    this.#bridge.setFacts(factsOf(this.#parts.options, ring, this.#known.clusterId)).catch(() => undefined);
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
    const { self } = bridgeSettings(this.#parts.options, { ...this.#parts.map, known: [], clusterId: '', claims: [] });
    return [self, ...hosts.filter(({ host }) => host !== self.host)];
  }

  #addressOf(host: string): string {
    return this.#known.hosts.find((known) => known.host === host)?.address ?? '';
  }

  /** Why there is no connection to a host, as far as that is known. */
  refusalOf(host: string): string | undefined {
    return this.#refusals.get(this.#addressOf(host));
  }

  /** Resolves when every host that is known is connected, or has had its time: then requests find whoever they need. */
  async meet(): Promise<void> {
    const untilMs = performance.now() + MEET_MS_MAX;
    const isMet = () =>
      this.#known.hosts.every(({ host }) => host === this.#parts.options.hostId || this.#up.has(host));
    while (this.#bridge !== undefined && !isMet() && performance.now() < untilMs) await sleep(MEET_LOOK_MS);
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
    await this.#bridge?.close();
  }
}
