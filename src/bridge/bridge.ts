/**
 * The bridge of one host to all others: one connection to each, and between that and the local mailboxes only bytes. A host
 * that owns it sends what its threads address to other hosts, and is handed what arrives.
 *
 *   local mailboxes -> send -> lanes of a peer -> frames -> socket -> the peer's bridge -> deliver -> its mailboxes
 */
import { nodeOf } from '../actor/address.js';
import type { ErrorCode } from '../core/errors.js';
import type { HostClaim } from '../core/host-claims.js';
import { NODE_COUNT_MAX } from '../core/ids.js';
import { Head } from '../protocol/header.js';
import { BlockPool } from './block-pool.js';
import { checkSettings } from './bridge-settings.js';
import { objectionTo } from './connection-choice.js';
import { Dialing } from './dialing.js';
import { factsFrames } from './facts.js';
import { FrameType } from './frame.js';
import { FrameSocket } from './frame-socket.js';
import { Greeter } from './greeter.js';
import type { GreetingEnd, KnownPeer } from './greeting.js';
import type { Hello } from './hello.js';
import { formatEndpoint, parseEndpoint } from './host-address.js';
import { HostTable } from './host-table.js';
import { CREDIT_RETRY_MS, FACTS_MS, LOOK_MS, PEER_SLOTS_MAX } from './limits.js';
import { Listener } from './listener.js';
import { PeerConnection } from './peer-connection.js';
import { hostsFrames, nodesFrames, readHosts, readNodes } from './peer-news.js';
import type { RefusalReason } from './refusal.js';
import { refusedReply } from './refused-reply.js';
import { type BridgeStats, Tally } from './stats.js';
import { certificateNames, isAuthorized } from './tls-identity.js';
import { slotOfClient } from './translation.js';
import type { BridgeHooks, BridgeSettings } from './types.js';

export class Bridge {
  readonly #settings: BridgeSettings;
  readonly #hooks: BridgeHooks;
  readonly #tally = new Tally();
  readonly #pool = new BlockPool();
  readonly #links = new Map<string, PeerConnection>();
  readonly #linkOfNode: (PeerConnection | undefined)[] = new Array(NODE_COUNT_MAX + 1).fill(undefined);
  readonly #linkOfSlot: (PeerConnection | undefined)[] = new Array(PEER_SLOTS_MAX + 1).fill(undefined);
  readonly #listener: Listener;
  #hosts: HostTable;
  #greeter: Greeter | undefined;
  #dialing: Dialing | undefined;
  #linkNumber = 0;
  #ticker: NodeJS.Timeout | undefined;
  #creditTimer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(settings: BridgeSettings, hooks: BridgeHooks) {
    this.#settings = settings;
    this.#hooks = hooks;
    this.#hosts = new HostTable(settings.self, settings.claims);
    this.#listener = new Listener({
      ...settings.listen,
      tls: settings.tls,
      tally: this.#tally,
      onRefused: (address, reason) => hooks.onRefused(address, reason, 'listener'),
      onStranger: (socket, address, isKnown) => {
        const link = new FrameSocket(socket, address, this.#tally);
        if (!isAuthorized(socket)) {
          link.refuse('certificate', 'no valid certificate of the authority');
          hooks.onRefused(address, 'certificate', 'listener');
          return;
        }
        this.#greeter?.greet(link, {
          part: 'listener',
          names: certificateNames(socket),
          objection: (hello) => this.#objection(hello, hello.self.host),
          onEnd: (end) => {
            if (end.kind === 'refused') hooks.onRefused(address, reasonShown(end), 'listener');
            else {
              isKnown();
              this.#accept(link, end);
            }
          },
        });
      },
    });
  }

  /**
   * Listens, and begins to dial.
   * @throws StoreError KV_INVALID_OPTION (an address beyond this machine without secret or certificates), KV_IN_USE
   */
  async start(): Promise<{ port: number }> {
    const { self, seeds, known, optionsHash, idle } = this.#settings;
    checkSettings(this.#settings);
    const port = await this.#listener.listen();
    const named = parseEndpoint(self.address);
    const own = named?.port === 0 ? { ...self, address: formatEndpoint({ host: named.host, port }) } : self;
    this.#hosts = new HostTable(own, this.#hosts.claims);
    for (const address of known) this.#hosts.learn(address, false);
    this.#greeter = new Greeter({
      ...this.#settings,
      self: own,
      optionsHash,
      purpose: 'peer',
      monotonicMs: () => this.#hooks.nowMs(),
    });
    this.#dialing = new Dialing({
      credentials: this.#settings,
      greeter: this.#greeter,
      tally: this.#tally,
      isLinked: (host) => this.#links.has(host),
      hasCompany: () => this.#links.size > 0,
      objection: (hello) => this.#objection(hello, own.host),
      onPeer: (link, peer) => this.#join(link, peer, own.host),
      onRefused: (address, reason) => this.#hooks.onRefused(address, reason, 'dialer'),
    });
    this.#dialing.setIdle(new Set(idle));
    this.#dialing.begin(this.#hosts.all, seeds);
    // behind what has arrived: this host may have been held up itself
    this.#ticker = setInterval(() => setImmediate(() => this.#tick()), LOOK_MS);
    return { port };
  }

  /** Sends the message at this word, copied, to the host of its receiver; it leaves with `flush`. */
  send(words: Int32Array, at: number): void {
    const to = words[at + Head.to];
    const slot = slotOfClient(to);
    const connection = slot === 0 ? this.#linkOfNode[nodeOf(to)] : this.#linkOfSlot[slot];
    if (connection === undefined) {
      this.#tally.messagesLost++;
      this.#answer(words, at, 'KV_UNAVAILABLE');
    } else if (!connection.send(words, at)) this.#answer(words, at, 'KV_OVERLOADED');
  }

  /** What was sent may leave. */
  flush(): void {
    for (const connection of this.#links.values()) connection.pump();
    this.#retryCredit();
  }

  /** Own nodes have changed: tells every peer. */
  announce(): void {
    for (const connection of this.#links.values()) this.#tellNodes(connection);
  }

  /**
   * The hosts that the cluster has let in, by their ranges of nodes: any other one is no peer, and is forgotten if it was one.
   * None at all: whoever fits is let in. `idle`: those of them without a node in the ring, which are dialed rarely.
   */
  setClaims(claims: readonly HostClaim[], idle: readonly string[] = []): void {
    const { forgotten, met } = this.#hosts.setClaims(claims);
    this.#dialing?.setIdle(new Set(idle));
    for (const host of forgotten) {
      this.#dialing?.forget(host);
      this.#links.get(host)?.close('not-admitted', `the cluster has forgotten ${host}`);
    }
    if (forgotten.length + met.length > 0) this.#hostsChanged();
  }

  stats(): BridgeStats {
    const { closed, messagesRefused, ...counts } = this.#tally;
    return {
      ...counts,
      closed: { ...closed },
      messagesRefused: [...messagesRefused],
      peers: [...this.#links.values()].map((connection) => connection.stats),
      hostsKnown: this.#hosts.size,
      strangers: this.#listener.strangers,
      strangersMost: this.#listener.strangersMost,
    };
  }

  /** Says good bye to all peers. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#ticker);
    clearTimeout(this.#creditTimer);
    this.#dialing?.stop();
    for (const connection of this.#links.values()) connection.close('closed', 'this host stops');
    if (this.#ticker !== undefined) await this.#listener.close();
  }

  /** Answers a call that goes nowhere, in place of its receiver. */
  #answer(words: Int32Array, at: number, code: ErrorCode): void {
    const reply = refusedReply(words, at, code);
    if (reply !== undefined && slotOfClient(reply[Head.to]) === 0) this.#hooks.deliver(reply, 0, reply.length * 4);
  }

  /** What speaks against a connection that `dialer` made. */
  #objection(hello: Hello, dialer: string): RefusalReason | undefined {
    const { incarnation, purpose, self } = hello;
    const existing = this.#links.get(self.host);
    const ids = { self: this.#hosts.own.host, peer: self.host };
    const reason = existing && objectionTo({ dialer, incarnation }, existing, ids);
    if (purpose === 'peer') return reason ?? this.#hosts.objection(hello);
    // who asks for a range is about to be that host; others ask what every host may know
    return self.room > 0 && reason === 'id-in-use' ? reason : undefined;
  }

  /** A stranger is known now. */
  #accept(link: FrameSocket, known: KnownPeer): void {
    if (known.peer.purpose === 'peer') this.#join(link, known, known.peer.self.host);
    else {
      const facts = { facts: this.#hooks.facts(known.peer.self), hosts: this.#hosts.all };
      for (const { frame, bodyBytes } of factsFrames(facts))
        link.send(frame, { type: FrameType.facts, lane: 0 }, bodyBytes);
      link.finish('closed', 'all is said', FACTS_MS);
    }
  }

  /** Whether the connection stays. */
  #join(link: FrameSocket, { peer: hello, version }: KnownPeer, dialer: string): boolean {
    const { host } = hello.self;
    const reason = this.#isClosed ? 'closed' : this.#objection(hello, dialer);
    if (reason !== undefined) {
      link.refuse(reason, `a connection to ${host} that is not wanted: ${reason}`);
      return reason === 'duplicate';
    }
    this.#links.get(host)?.close('duplicate', 'there is a newer connection');
    const connection = new PeerConnection({
      link,
      hello,
      version,
      own: this.#hosts.own,
      slot: this.#hosts.slotOf(host),
      number: ++this.#linkNumber,
      dialer,
      pool: this.#pool,
      tally: this.#tally,
      hooks: this.#hooks,
      onTold: (from, what, value) => this.#told(from, what, value),
      answer: (words, at, code) => this.#answer(words, at, code),
      onDown: (from, why) => this.#parted(from, why),
    });
    this.#route(connection, connection);
    this.#links.set(host, connection);
    const isNews = this.#hosts.learn(hello.self, true);
    this.#hooks.onPeer(hello.self, 'up', connection.number);
    this.#tellNodes(connection);
    connection.tell(FrameType.hosts, () => hostsFrames(this.#hosts.all));
    connection.tick();
    if (isNews) this.#hostsChanged();
    return true;
  }

  #parted(connection: PeerConnection, reason: string): void {
    const { peer, number } = connection;
    if (this.#links.get(peer.host) !== connection) return;
    this.#links.delete(peer.host);
    this.#route(connection, undefined);
    this.#hooks.onPeer(peer, 'down', number, reason);
    if (!this.#isClosed) this.#dialing?.lost(peer.host);
  }

  #route({ peer, slot }: PeerConnection, to: PeerConnection | undefined): void {
    this.#linkOfNode.fill(to, peer.first, peer.first + peer.room);
    this.#linkOfSlot[slot] = to;
  }

  #told(connection: PeerConnection, what: 'nodes' | 'hosts', value: unknown): void {
    if (what === 'nodes') this.#hooks.onPeerNodes(connection.peer, readNodes(value, connection.peer));
    else {
      const hosts = readHosts(value);
      if (this.#hosts.learnAll(hosts, connection.peer.host)) this.#hostsChanged();
      this.#dialing?.hear(hosts);
    }
  }

  #hostsChanged(): void {
    this.#hooks.onHosts(this.#hosts.all);
    this.#dialing?.know(this.#hosts.all);
    for (const connection of this.#links.values()) {
      connection.tell(FrameType.hosts, () => hostsFrames(this.#hosts.all));
      connection.pump();
    }
  }

  #tellNodes(connection: PeerConnection): void {
    connection.tell(FrameType.nodes, () => nodesFrames(this.#hooks.nodes(connection.peer)));
    connection.pump();
  }

  #tick(): void {
    for (const connection of this.#links.values()) connection.tick();
    this.#retryCredit();
  }

  /** While mailboxes are too full for credits, nobody else says when they have room again. */
  #retryCredit(): void {
    if (this.#creditTimer !== undefined) return;
    const isWithholding = [...this.#links.values()].some((connection) => connection.isWithholding);
    if (!isWithholding) return;
    this.#creditTimer = setTimeout(() => {
      this.#creditTimer = undefined;
      for (const connection of this.#links.values()) if (connection.isWithholding) connection.onIdle();
      this.#retryCredit();
    }, CREDIT_RETRY_MS);
  }
}

const reasonShown = ({ reason, text }: Extract<GreetingEnd, { kind: 'refused' }>): string =>
  reason === 'refused' ? `refused: ${text}` : reason;
