/**
 * Dials every host that is known, and every seed, as long as there is no connection to it: one that is no host of the cluster
 * any more never, and rarely one that nobody waits for. A name may stand for another host the next time: it is never given up.
 */
import { isIP } from 'node:net';
import { dial } from './dial.js';
import { Dialer, type DialOutcome } from './dialer.js';
import { FrameSocket } from './frame-socket.js';
import type { Greeter } from './greeter.js';
import type { GreetingEnd, KnownPeer } from './greeting.js';
import { type Hello, isDialable } from './hello.js';
import { isLoopback, parseEndpoint } from './host-address.js';
import { PEER_SLOTS_MAX, RARE_REDIAL_CAP_MS, REDIAL_CAP_MS } from './limits.js';
import type { RefusalReason } from './refusal.js';
import type { Tally } from './stats.js';
import { certificateNames } from './tls-identity.js';
import type { Credentials, HostAddress } from './types.js';

export interface DialingParts {
  readonly credentials: Credentials;
  readonly greeter: Greeter;
  readonly tally: Tally;
  readonly isLinked: (host: string) => boolean;
  /** Whether there is a connection to any host. */
  readonly hasCompany: () => boolean;
  readonly objection: (hello: Hello) => RefusalReason | undefined;
  /** A connection to this peer; returns whether there is one now, this or another. */
  readonly onPeer: (link: FrameSocket, known: KnownPeer) => boolean;
  readonly onRefused: (address: string, reason: string) => void;
}

/** Reasons that pass by themselves: worth another try soon. */
const PASSING = new Set<string>([
  ...['duplicate', 'closed', 'timeout', 'busy', 'unreachable', 'silence'],
  // the other process may end
  'id-in-use',
]);

export class Dialing {
  readonly #parts: DialingParts;
  readonly #byHost = new Map<string, Dialer>();
  readonly #seeds: Dialer[] = [];
  /** Where another host says that one is which is not found at the address that it has named itself. */
  readonly #rumours = new Map<string, Dialer>();
  /** Connections whose peer is known: no dial's to give up any more. */
  readonly #greeted = new WeakSet<FrameSocket>();
  /** Hosts that a dial is greeting just now. */
  readonly #greeting = new Set<string>();
  /** Hosts that the cluster has forgotten: a seed may turn out to be one of them only when it answers. */
  readonly #forgotten = new Set<string>();
  /** Hosts that have no node in the ring. */
  #idle: ReadonlySet<string> = new Set();
  #own = '';

  constructor(parts: DialingParts) {
    this.#parts = parts;
  }

  /** `hosts`: the first is this one. */
  begin(hosts: readonly HostAddress[], seeds: readonly string[]): void {
    const [own] = hosts;
    this.#own = own.host;
    this.know(hosts);
    for (const address of new Set(seeds)) {
      // by another name, it meets itself now and then
      if (address === own.address) continue;
      const dialer = this.#dialer(address, undefined);
      this.#seeds.push(dialer);
      dialer.wake();
    }
  }

  /** Dials those of them that are new, or have moved. */
  know(hosts: readonly HostAddress[]): void {
    for (const { host, address, ...rest } of hosts) {
      this.#forgotten.delete(host);
      const known = this.#byHost.get(host);
      if (host === this.#own || known?.address === address || !this.#mayDial({ host, address, ...rest })) continue;
      known?.stop();
      this.#dropRumour(host);
      const dialer = this.#dialer(address, host);
      this.#byHost.set(host, dialer);
      dialer.wake();
    }
  }

  /** What a peer has heard of hosts: two that have moved at the same time find each other by one that both have told. */
  hear(hosts: readonly HostAddress[]): void {
    for (const told of hosts) {
      const { host, address } = told;
      const known = this.#byHost.get(host);
      if (known === undefined || known.address === address || this.#parts.isLinked(host) || !this.#mayDial(told))
        continue;
      let rumour = this.#rumours.get(host);
      if (rumour?.address !== address) {
        this.#dropRumour(host);
        rumour = this.#dialer(address, host);
        this.#rumours.set(host, rumour);
      }
      rumour.wake();
    }
  }

  #dropRumour(host: string): void {
    this.#rumours.get(host)?.stop();
    this.#rumours.delete(host);
  }

  /** The connection to this host is gone. */
  lost(host: string): void {
    this.#byHost.get(host)?.wake();
    for (const seed of this.#seeds) if (seed.host === host) seed.wake(REDIAL_CAP_MS);
  }

  /** This host is none of the cluster any more: not dialed as a seed either. One that joins anew dials by itself. */
  forget(host: string): void {
    for (const seed of this.#seeds) if (seed.host === host && !isName(seed.address)) seed.stop();
    this.#byHost.get(host)?.stop();
    this.#byHost.delete(host);
    this.#dropRumour(host);
    this.#forgotten.add(host);
    const [oldest] = this.#forgotten;
    if (this.#forgotten.size > PEER_SLOTS_MAX) this.#forgotten.delete(oldest);
  }

  /** Those of the hosts that have no node in the ring: nobody waits for them. */
  setIdle(hosts: ReadonlySet<string>): void {
    this.#idle = hosts;
  }

  /** A host that is away is dialed often, and so is a seed as long as it may be the only way to the others. */
  #capMs(dialer: Dialer): number {
    const { host } = dialer;
    if (host !== undefined && this.#rumours.get(host) === dialer) return RARE_REDIAL_CAP_MS;
    const isRare = host === undefined || !this.#byHost.has(host) ? this.#parts.hasCompany() : this.#idle.has(host);
    return isRare ? RARE_REDIAL_CAP_MS : REDIAL_CAP_MS;
  }

  stop(): void {
    for (const dialer of [...this.#byHost.values(), ...this.#rumours.values(), ...this.#seeds]) dialer.stop();
  }

  /** Without secret and certificates nobody beyond this machine is dialed, whoever names them. */
  #mayDial(address: HostAddress): boolean {
    const { secret, tls } = this.#parts.credentials;
    const endpoint = parseEndpoint(address.address);
    if (endpoint === undefined || !isDialable(address)) return false;
    return secret !== undefined || tls !== undefined || isLoopback(endpoint.host);
  }

  #dialer(address: string, host: string | undefined): Dialer {
    const attempt = (dialer: Dialer, done: (outcome: DialOutcome) => void) => this.#attempt(dialer, done);
    const capMs = (dialer: Dialer) => this.#capMs(dialer);
    return new Dialer(address, host, { attempt, isLinked: this.#parts.isLinked, capMs, random: Math.random });
  }

  #attempt(dialer: Dialer, done: (outcome: DialOutcome) => void): () => void {
    const { credentials, tally, onRefused } = this.#parts;
    const { address } = dialer;
    const endpoint = parseEndpoint(address);
    if (endpoint === undefined) throw new RangeError(`'${address}' was checked when it was learned`);
    tally.dialed++;
    let link: FrameSocket | undefined;
    const giveUp = dial(endpoint, credentials.tls, {
      onFailed: (reason, text) => {
        onRefused(address, reason === 'unreachable' ? `${reason}: ${text}` : reason);
        done(PASSING.has(reason) ? 'failed' : 'refused');
      },
      onOpen: (socket) => {
        link = new FrameSocket(socket, address, tally);
        this.#greet(link, certificateNames(socket), dialer, done);
      },
    });
    return () => {
      if (link === undefined) giveUp();
      else if (!this.#greeted.has(link)) link.destroy('closed', 'the dial was given up');
    };
  }

  #greet(
    link: FrameSocket,
    names: readonly string[] | undefined,
    dialer: Dialer,
    done: (outcome: DialOutcome) => void,
  ): void {
    const { greeter, isLinked, objection, onPeer } = this.#parts;
    let greeted: string | undefined;
    greeter.greet(link, {
      part: 'dialer',
      names,
      objection: (hello) => {
        const { host } = hello.self;
        if (this.#seeds.includes(dialer)) dialer.host = host;
        // a seed, or an address that was another host's, turns out to be one that is connected
        if (this.#greeting.has(host) || isLinked(host)) return 'duplicate';
        const reason = objection(hello);
        if (reason === undefined) {
          greeted = host;
          this.#greeting.add(host);
        }
        return reason;
      },
      onEnd: (end) => {
        if (greeted !== undefined) this.#greeting.delete(greeted);
        this.#greeted.add(link);
        if (end.kind === 'refused') done(this.#outcomeOf(end, dialer));
        // where the address was another host's, the one that is looked for is not found
        else done(onPeer(link, end) && dialer.host === end.peer.self.host ? 'linked' : 'failed');
      },
    });
  }

  #outcomeOf({ reason, text }: Extract<GreetingEnd, { kind: 'refused' }>, { address, host }: Dialer): DialOutcome {
    const why = reason === 'refused' ? text : reason;
    // who has met itself is told so by its other end
    if (why === 'self') return 'unwelcome';
    if (why !== 'duplicate') this.#parts.onRefused(address, reason === 'refused' ? `refused: ${text}` : reason);
    if (host !== undefined && this.#forgotten.has(host)) return isName(address) ? 'unwelcome' : 'never';
    // the other host may not have heard yet that this one was let in
    if (why === 'not-admitted') return 'unwelcome';
    return PASSING.has(why) ? 'failed' : 'refused';
  }
}

const isName = (address: string): boolean => isIP(parseEndpoint(address)?.host ?? '') === 0;
