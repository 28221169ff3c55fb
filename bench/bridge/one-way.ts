/**
 * Messages of 100 bytes between two bridges in two processes over loopback: one way at full speed, and there and back one
 * by one. Beside them the same bytes over a plain socket of node:net, and postMessage between two threads.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { addressOf, Role } from '../../src/actor/address.js';
import { Bridge } from '../../src/bridge/bridge.js';
import type { BridgeHooks, BridgeSettings, HostAddress } from '../../src/bridge/types.js';
import { putHeader } from '../../src/protocol/header.js';
import { Kind } from '../../src/protocol/messages.js';

/** Header and payload. */
export const MESSAGE_BYTES = 120;
const PER_TICK = 256;
const SECRET = 'a secret of this bench';
export const NEAR: HostAddress = { host: 'near', address: '127.0.0.1:0', first: 0, room: 32, zone: 'a', machine: 'm' };
const FAR: HostAddress = { ...NEAR, host: 'far', first: 32 };

export interface FarOrder {
  readonly kind: 'one-way' | 'ping' | 'plain';
  /** Where the near bridge listens. */
  readonly port: number;
  /** Of a round. */
  readonly messages: number;
}

const common = {
  listen: { host: '127.0.0.1', port: 0 },
  known: [],
  clusterName: 'bench',
  optionsHash: '',
  clockDriftMaxMs: 60_000,
  secret: SECRET,
};

export const farSettings = (port: number): BridgeSettings => ({ ...common, self: FAR, seeds: [`127.0.0.1:${port}`] });

export function quietHooks(node: number): BridgeHooks {
  return {
    nowMs: () => performance.now() >>> 0,
    nodes: () => ({ nodes: [{ node, up: true, incarnation: 1 }], seen: [] }),
    deliver: () => true,
    waitingBytes: () => 0,
    facts: () => ({}),
    onPeer: () => undefined,
    onPeerNodes: () => undefined,
    onHosts: () => undefined,
    onRefused: () => undefined,
  };
}

/** The child, and a promise for each thing that it says. */
class Far {
  readonly #child: ChildProcess;
  #waiting: ((said: unknown) => void)[] = [];
  #said: unknown[] = [];

  constructor(order: FarOrder) {
    this.#child = fork(fileURLToPath(new URL('./one-way-child.js', import.meta.url)));
    this.#child.on('message', (said) => {
      const next = this.#waiting.shift();
      if (next === undefined) this.#said.push(said);
      else next(said);
    });
    this.#child.send(order);
  }

  next(): Promise<unknown> {
    if (this.#said.length > 0) return Promise.resolve(this.#said.shift());
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  end(): void {
    this.#child.kill('SIGKILL');
  }
}

interface Pair {
  readonly near: Bridge;
  readonly far: Far;
  readonly message: Int32Array;
}

async function withPair<Result>(
  kind: 'one-way' | 'ping',
  messages: number,
  deliver: () => boolean,
  measure: (pair: Pair) => Promise<Result>,
): Promise<Result> {
  let isUp = false;
  const onPeer: BridgeHooks['onPeer'] = (_peer, state) => {
    isUp = state === 'up';
  };
  const near = new Bridge({ ...common, self: NEAR, seeds: [] }, { ...quietHooks(0), deliver, onPeer });
  const { port } = await near.start();
  const far = new Far({ kind, port, messages });
  try {
    await far.next();
    while (!isUp) await sleep(10);
    const message = new Int32Array(MESSAGE_BYTES / 4);
    const [to, from] = [addressOf(Role.coordinator, FAR.first, 0), addressOf(Role.client, 0, 0)];
    putHeader(message, 0, Kind.read, MESSAGE_BYTES, to, from, 1);
    return await measure({ near, far, message });
  } finally {
    far.end();
    await near.close();
  }
}

/** Messages per second of each round. */
export function measureOneWay(rounds: number, messages: number): Promise<number[]> {
  return withPair(
    'one-way',
    messages,
    () => true,
    async ({ near, far, message }) => {
      const rates: number[] = [];
      for (let round = -1; round < rounds; round++) {
        const fromMs = performance.now();
        const ended = far.next();
        for (let sent = 0; sent < messages; ) {
          for (let i = 0; i < PER_TICK && sent < messages; i++, sent++) near.send(message, 0);
          near.flush();
          await new Promise(setImmediate);
          // as a mailbox would: no more than the bridge may keep
          while (queuedBytes(near) > 2 * 2 ** 20) await new Promise(setImmediate);
        }
        await ended;
        // the first round warms up
        if (round >= 0) rates.push(messages / ((performance.now() - fromMs) / 1_000));
      }
      return rates;
    },
  );
}

const queuedBytes = (bridge: Bridge): number =>
  bridge.stats().peers.reduce((sum, peer) => sum + peer.queuedBytes.reduce((a, b) => a + b, 0), 0);

/** Microseconds there and back, of each of so many. */
export function measureRoundTrips(count: number): Promise<number[]> {
  let answered: () => void = () => undefined;
  const deliver = () => {
    answered();
    return true;
  };
  return withPair('ping', 1, deliver, async ({ near, message }) => {
    const [to, from] = [addressOf(Role.coordinator, FAR.first, 0), addressOf(Role.vnode, 0, 0)];
    putHeader(message, 0, Kind.replicated, MESSAGE_BYTES, to, from, 0);
    const micros: number[] = [];
    for (let i = 0; i < count; i++) {
      const fromMs = performance.now();
      await new Promise<void>((resolve) => {
        answered = resolve;
        near.send(message, 0);
        near.flush();
      });
      micros.push((performance.now() - fromMs) * 1_000);
    }
    return micros;
  });
}

/** The same bytes over a plain socket, as many in one write as the bridge has in a tick. */
export async function measurePlain(rounds: number, messages: number): Promise<number[]> {
  const far = new Far({ kind: 'plain', port: 0, messages });
  try {
    const port = (await far.next()) as number;
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    const batch = Buffer.alloc(PER_TICK * MESSAGE_BYTES);
    const rates: number[] = [];
    for (let round = -1; round < rounds; round++) {
      const fromMs = performance.now();
      const ended = far.next();
      for (let sent = 0; sent < messages; sent += PER_TICK) {
        const count = Math.min(PER_TICK, messages - sent);
        const isTaken = socket.write(count === PER_TICK ? batch : batch.subarray(0, count * MESSAGE_BYTES));
        if (!isTaken) await new Promise<void>((resolve) => socket.once('drain', () => resolve()));
        else await new Promise(setImmediate);
      }
      await ended;
      if (round >= 0) rates.push(messages / ((performance.now() - fromMs) / 1_000));
    }
    socket.destroy();
    return rates;
  } finally {
    far.end();
  }
}
