/** What a client's scans need of their store, over a simulated world: the real client code, whose promises a test drives. */
import { readList } from '../../actors/read-targets.js';
import { RingView } from '../../src/actor/ring-view.js';
import type { ReadOrder } from '../../src/client/call-options.js';
import type { Waiter } from '../../src/client/requests.js';
import { StoreError } from '../../src/core/errors.js';
import type { SimClient } from '../../src/sim/client.js';
import type { World } from '../../src/sim/world.js';

/** A message that a client has opened and is about to fill in. */
export interface Opened {
  readonly tag: number;
  readonly to: number;
  readonly words: Int32Array;
}

export const order = (r: number, deadlineMs = 1_000): ReadOrder => ({
  r,
  monotonic: false,
  available: false,
  deadlineMs,
  signal: undefined,
});

/** `onSend` sees every message as it leaves. */
export function simParts(world: World, client: SimClient, onSend: (message: Opened) => void = () => undefined) {
  const waiters = new Map<number, Waiter>();
  let next = 1;
  const out = { words: new Int32Array(0), bytes: Buffer.alloc(0), at: 0 };
  const seat = {
    out,
    get nowMs() {
      return world.nowMs;
    },
    isUp: (node: number) => world.isUp(node, world.hostOf(world.nodes.length + client.seat)),
    isQuiet: () => false,
    nodesUp: (): number[] => [...world.nodes.keys()].filter((node) => seat.isUp(node)),
    open(tag: number, to: number, id: number, bytes: number): boolean {
      const words = new Int32Array(bytes / 4);
      Object.assign(out, { words, bytes: Buffer.from(words.buffer) });
      queueMicrotask(() => {
        onSend({ tag, to, words });
        const fill = (target: Int32Array, _: Buffer, at: number) => target.set(words.subarray(4), at + 4);
        client.ask({ tag, bytes, fill }, to, (message) => {
          const waiter = waiters.get(id);
          waiters.delete(id);
          waiter?.settle(message);
        });
      });
      return true;
    },
  };
  const requests = {
    begin(_node: number, deadlineMs: number, waiter: Waiter): number {
      const id = next++;
      waiters.set(id, waiter);
      world.schedule(deadlineMs, () => {
        if (waiters.delete(id)) waiter.fail(new StoreError('KV_DEADLINE_EXCEEDED', 'it took too long'));
      });
      return id;
    },
    end: (id: number) => void waiters.delete(id),
    extend: () => undefined,
  };
  const ring = {
    get version() {
      return world.ring.epoch;
    },
    get epoch() {
      return world.ring.epoch;
    },
    readList: (partition: number) => {
      const view = new RingView({ ring: world.ring, isUp: () => true, suspects: () => false });
      return { nodes: [...readList(view, partition)], version: world.ring.epoch };
    },
  };
  return { seat, requests, ring, partitions: world.partitions };
}

/** What a promise comes to while the world runs, one event after the other. */
export async function driven<Result>(world: World, promise: Promise<Result>): Promise<Result> {
  let isDone = false;
  const done = () => {
    isDone = true;
  };
  promise.then(done, done);
  for (;;) {
    await new Promise((resolve) => setImmediate(resolve));
    if (isDone) return promise;
    let events = 0;
    world.runUntil(() => events++ > 0, 100);
  }
}
