/** A bridge with a host around it that only remembers: what was delivered, who came and went, who was refused. */
import { connect, type Socket } from 'node:net';
import type { ExecutionContext } from 'ava';
import { addressOf, Role } from '../../src/actor/address.js';
import { Bridge } from '../../src/bridge/bridge.js';
import type { BridgeHooks, BridgeSettings, HostAddress, NodeStatus } from '../../src/bridge/types.js';
import { Head, putHeader } from '../../src/protocol/header.js';
import { fieldOffsets, MESSAGES, type MessageName } from '../../src/protocol/messages.js';

export const ROOM = 32;
const PATIENCE_MS = 60_000;

/** Resolves once `done` holds; fails with `what` after a while. */
export async function eventually(done: () => boolean, what = 'what was waited for'): Promise<void> {
  const until = performance.now() + PATIENCE_MS;
  while (!done()) {
    if (performance.now() > until) throw new Error(`still not: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export interface HostOptions extends Partial<BridgeSettings> {
  /** Number of the host: its range of nodes. */
  readonly index?: number;
  readonly hooks?: Partial<BridgeHooks>;
}

export class FakeHost {
  readonly bridge: Bridge;
  readonly self: HostAddress;
  readonly received: Int32Array[] = [];
  /** `up host` and `down host`, in order. */
  readonly events: string[] = [];
  readonly links = new Map<string, number>();
  readonly refused: string[] = [];
  readonly nodesOf = new Map<string, readonly NodeStatus[]>();
  hosts: readonly HostAddress[] = [];
  waitingBytes = 0;
  hasRoom = true;
  /** Added to the monotonic clock. */
  clockAheadMs = 0;
  nodes: readonly NodeStatus[];
  port = 0;

  constructor(host: string, { index = 0, hooks = {}, ...settings }: HostOptions = {}) {
    const { self = { host, address: '127.0.0.1:0', first: index * ROOM, room: ROOM, zone: 'z', machine: 'm' } } =
      settings;
    this.self = self;
    this.nodes = [{ node: this.self.first, up: true, incarnation: 7, draining: true }];
    this.bridge = new Bridge(
      {
        self: this.self,
        listen: { host: '127.0.0.1', port: 0 },
        seeds: [],
        known: [],
        clusterName: 'test',
        optionsHash: 'options',
        clockDriftMaxMs: 60_000,
        ...settings,
      },
      { ...this.#hooks(), ...hooks },
    );
  }

  #hooks(): BridgeHooks {
    return {
      nowMs: () => (performance.now() + this.clockAheadMs) | 0,
      nodes: () => ({ nodes: this.nodes, seen: [] }),
      deliver: (words, at, bytes) => {
        if (this.hasRoom) this.received.push(words.slice(at, at + bytes / 4));
        return this.hasRoom;
      },
      waitingBytes: () => this.waitingBytes,
      facts: () => ({ n: 3, from: this.self.host }),
      onPeer: ({ host }, state, link, reason) => {
        this.events.push(`${state} ${host}`);
        if (state === 'up') this.links.set(host, link);
        else if (reason !== undefined) this.links.delete(host);
      },
      onPeerNodes: ({ host }, { nodes }) => this.nodesOf.set(host, nodes),
      onHosts: (hosts) => {
        this.hosts = hosts;
      },
      onRefused: (_address, reason) => this.refused.push(reason),
    };
  }

  async start(t: Pick<ExecutionContext, 'teardown'>): Promise<this> {
    t.teardown(() => this.bridge.close());
    this.port = (await this.bridge.start()).port;
    return this;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get stats() {
    return this.bridge.stats();
  }

  /** Sends now. */
  send(words: Int32Array): void {
    this.bridge.send(words, 0);
    this.bridge.flush();
  }

  /** Of the messages received, those of this kind. */
  ofKind(name: MessageName): Int32Array[] {
    return this.received.filter((words) => words[Head.size] >>> 24 === MESSAGES[name].tag);
  }
}

/** Starts a host, and another one that dials it; both are linked. */
export async function startPair(
  t: ExecutionContext,
  settings: HostOptions = {},
  others: HostOptions = settings,
): Promise<[FakeHost, FakeHost]> {
  const a = await new FakeHost('a', { index: 0, ...settings }).start(t);
  const b = await new FakeHost('b', { index: 1, seeds: [a.address], ...others }).start(t);
  await eventually(() => a.links.has('b') && b.links.has('a'), 'a and b are linked');
  return [a, b];
}

export interface MessageParts {
  readonly from: number;
  readonly to: number;
  readonly request?: number;
  /** In all; at least header and fields. */
  readonly bytes?: number;
  readonly fields?: Readonly<Record<string, number>>;
}

/** A message of this kind; what follows its fields is zeros, an empty body. */
export function messageOf(name: MessageName, { from, to, request = 1, bytes, fields = {} }: MessageParts): Int32Array {
  const offsets = fieldOffsets(name);
  const { tag, body } = MESSAGES[name];
  const least = offsets.body * 4 + (body === 'cbor' ? 8 : 0);
  const words = new Int32Array(Math.max(least, bytes ?? 0) / 4);
  putHeader(words, 0, tag, words.length * 4, to, from, request);
  for (const [field, value] of Object.entries(fields)) words[offsets[field]] = value;
  // one CBOR null
  if (body === 'cbor') words.set([1, 0xf6], offsets.body);
  return words;
}

export const coordinatorOf = (node: number): number => addressOf(Role.coordinator, node, 0);
export const vnodeOf = (node: number, partition = 0): number => addressOf(Role.vnode, node, partition);
export const gossipOf = (node: number): number => addressOf(Role.gossip, node, 0);
export const clientOf = (seat: number, tenancy = 5): number => addressOf(Role.client, tenancy, seat);

/** A `fetch` from a's coordinator to b's vnode that is this long and whose key says who it is. */
export function fetchOf(request: number, bytes = 104, [from, to] = [0, ROOM]): Int32Array {
  return messageOf('fetch', { from: coordinatorOf(from), to: vnodeOf(to), request, bytes, fields: { keySlot: 8 } });
}

/** A socket of nobody's, to the bridge of `host`. */
export async function strangerTo(t: ExecutionContext, host: FakeHost): Promise<Socket> {
  const socket = connect(host.port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  socket.on('error', () => undefined);
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
  return socket;
}
