/**
 * `attach`: the store for another worker thread of the program. It has its own mailboxes to every node and reads the same
 * tables; only its control port leads to the thread that opened the store.
 */
import type { MessagePort } from 'node:worker_threads';
import { StoreError } from '../core/errors.js';
import { allMembers, type RingState } from '../core/ring-state.js';
import { inspectHosts, inspectMembers, inspectNode, inspectRing } from '../host/inspect.js';
import { movedSoFar, type ThreadMap } from '../host/thread-map.js';
import { nodeThread } from '../runtime/post-office.js';
import type { RequestDefaults } from './call-options.js';
import { checkResolve } from './open.js';
import { Seat, type SeatBoxes } from './seat.js';
import { EmbeddedStore } from './store.js';
import type { Resolve, Store, StoreHandle } from './types.js';
import type { WriteLimits } from './writes.js';

/** What a handle carries; opaque to its users. */
export interface HandleData {
  readonly map: ThreadMap;
  readonly ring: RingState;
  readonly boxes: SeatBoxes;
  readonly bells: readonly MessagePort[];
  readonly port: MessagePort;
  readonly defaults: RequestDefaults;
  readonly limits: WriteLimits;
  readonly inFlightMax: number;
}

/** A thread was started anew: its new bell. */
export interface BellMessage {
  readonly thread: number;
  readonly bell: MessagePort;
}

/** The ring has changed. */
export interface RingMessage {
  readonly ring: RingState;
}

/**
 * Opens the store of a handle in this thread. Each handle serves one thread, once.
 * @throws StoreError KV_INVALID_OPTION for anything that `store.handle()` did not make
 */
export function attach(handle: StoreHandle, options: { readonly resolve?: Resolve } = {}): Store {
  const { resolve = 'newest' } = options;
  checkResolve(resolve);
  // the handle is opaque to callers; this is the one place that looks inside
  const data = handle as unknown as Partial<HandleData> | undefined;
  const { map, ring: first, boxes, bells, port, defaults, limits, inFlightMax } = data ?? {};
  if (!map || !first || !boxes || !bells || !port || !defaults || !limits || !inFlightMax) {
    throw new StoreError('KV_INVALID_OPTION', 'attach takes what store.handle() returned', { option: 'handle' });
  }
  let ring = first;
  const makeSeat = (onMessage: ConstructorParameters<typeof Seat>[2]) => {
    const seat = new Seat(map, boxes, onMessage);
    for (const [thread, bell] of bells.entries()) if (bell !== undefined) seat.setBell(thread, bell);
    port.on('message', (message: BellMessage | RingMessage) => {
      if ('ring' in message) ring = message.ring;
      else seat.setBell(message.thread, message.bell);
    });
    port.unref();
    return seat;
  };
  const backing = {
    ring: () => ({ ...inspectRing(ring), moved: movedSoFar(map) }),
    hosts: () => inspectHosts(map, ring, []),
    members: () => inspectMembers(map, ring),
    stats: () =>
      allMembers(ring)
        .filter(({ node }) => nodeThread(map, node) !== undefined)
        .map(({ node }) => inspectNode(map, node, [])),
    bridge: async () => undefined,
    handle: () => {
      throw new StoreError(
        'KV_INVALID_OPTION',
        'handles are made by the store that was opened, not by an attached one',
      );
    },
    on: () => undefined,
    off: () => undefined,
    close: async () => port.close(),
  };
  return new EmbeddedStore({ map, seat: makeSeat, defaults, limits, inFlightMax, resolve, backing });
}
