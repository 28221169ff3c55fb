/** `open`: the options checked, the directory locked, the host started, and a store on this thread's seat. */
import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { StoreError } from '../core/errors.js';
import { OPTION_SPECS, type StoreOptions } from '../core/options.js';
import { resolveOptions } from '../core/resolve-options.js';
import { DataDirectory } from '../host/data-directory.js';
import { Host } from '../host/host.js';
import { meetCluster } from '../host/joining.js';
import { countsFully, movedSoFar, Status } from '../host/thread-map.js';
import type { BellMessage, HandleData, RingMessage } from './attach.js';
import { admitHosts, forgetHosts, joinCluster } from './join.js';
import type { RingAdmin } from './ring-changes.js';
import { Seat } from './seat.js';
import { type Backing, EmbeddedStore } from './store.js';
import type { OpenStoreOptions, Resolve, Store, StoreHandle } from './types.js';

const hosts = new WeakMap<Store, Host>();

/**
 * Opens a store: a whole cluster in this process. One process at a time may have a directory open.
 * @throws StoreError KV_INVALID_OPTION, KV_FAILURE_DOMAINS, KV_PATH, KV_IN_USE, KV_WRONG_CLUSTER, KV_FORMAT_TOO_NEW,
 *   KV_STORAGE_FULL, KV_STORAGE_FAILED, KV_CORRUPT
 */
export async function open(given: OpenStoreOptions = {}): Promise<Store> {
  if (typeof given !== 'object' || given === null) {
    throw new StoreError('KV_INVALID_OPTION', 'open takes one object of options', { option: 'options' });
  }
  const { resolve = 'newest', ...plain } = given;
  checkResolve(resolve);
  const machine = { cores: availableParallelism(), newHostId: () => `host-${randomBytes(6).toString('hex')}` };
  // everything but the path is checked before anything is touched
  resolveOptions(plain, machine);
  const path = plain.path ?? (OPTION_SPECS.path.default as string);
  const directory = new DataDirectory(path);
  let options: StoreOptions;
  let host: Host;
  try {
    options = resolveOptions(directory.complete(await meetCluster(plain, directory)), machine);
    host = await Host.open(options, directory);
  } catch (error) {
    directory.release();
    throw error;
  }
  const { n, r, w, mode, durability, deadlineMs, pairBytesMax, clockDriftMaxMs, inFlightMax } = options;
  const defaults = { n, r, w, mode, durability, deadlineMs };
  const limits = { pairBytesMax, clockDriftMaxMs };
  const store = new EmbeddedStore({
    map: host.map,
    seat: (onMessage) => takeSeat(host, onMessage),
    defaults,
    limits,
    inFlightMax,
    resolve,
    backing: backingOf(host, { defaults, limits, inFlightMax }),
  });
  hosts.set(store, host);
  if (host.others.link !== undefined) {
    admitHosts(store.changes, host);
    forgetHosts(store.changes, host);
    if (host.others.isGuest) void joinCluster(store.changes, host);
  }
  return store;
}

export function checkResolve(resolve: unknown): asserts resolve is Resolve {
  if (resolve === 'newest' || resolve === 'siblings' || typeof resolve === 'function') return;
  throw new StoreError('KV_INVALID_OPTION', 'resolve must be newest, siblings or a function', { option: 'resolve' });
}

/** A seat of the calling thread, until the store is closed. */
export function takeSeat(host: Host, onMessage: ConstructorParameters<typeof Seat>[2]): Seat {
  const early: [number, MessagePort][] = [];
  let seat: Seat | undefined;
  const boxes = host.takeSeat((thread, bell) => {
    if (seat === undefined) early.push([thread, bell]);
    else seat.setBell(thread, bell);
  });
  seat = new Seat(host.map, boxes, onMessage);
  for (const [thread, bell] of early) seat.setBell(thread, bell);
  return seat;
}

function backingOf(host: Host, settings: Pick<HandleData, 'defaults' | 'limits' | 'inFlightMax'>): Backing {
  return {
    ring: () => host.ringReport(),
    hosts: () => host.hosts(),
    members: () => host.members(),
    stats: () => host.stats(),
    bridge: () => host.others.stats(),
    handle: () => makeHandle(host, settings),
    on: (event, listener) => void host.events.on(event, listener),
    off: (event, listener) => void host.events.off(event, listener),
    admin: adminOf(host),
    close: () => host.close(),
  };
}

/** How long a change of the ring is left alone before its progress is looked at. */
const LOOK_MS = 250;

function adminOf(host: Host): RingAdmin {
  const { threads, map, events } = host;
  const status = new Int32Array(map.status);
  return {
    ring: () => host.ring,
    moved: () => movedSoFar(map),
    // Atomics: acquire; up follows recovery
    isUp: (node) => Atomics.load(status, node * Status.line + Status.up) === 1,
    counts: (node) => countsFully(status, node),
    hosts: () => host.others.addresses,
    candidates: (weights) => threads.candidates(weights),
    startJoining: (members) => threads.startJoining(members),
    cancelJoining: (members) => threads.cancelJoining(members),
    renew: (node) => threads.renew(node),
    stats: () => host.stats(),
    nextChange: () =>
      new Promise((resolve) => {
        const done = () => {
          clearTimeout(timer);
          events.off('ring-changed', done);
          resolve();
        };
        const timer = setTimeout(done, LOOK_MS);
        events.on('ring-changed', done);
      }),
  };
}

/** Takes a seat for another thread; it is released when that thread closes its store or ends. */
function makeHandle(host: Host, settings: Pick<HandleData, 'defaults' | 'limits' | 'inFlightMax'>): StoreHandle {
  const { port1, port2 } = new MessageChannel();
  const bells: MessagePort[] = [];
  let given = false;
  const boxes = host.takeSeat((thread, bell) => {
    if (!given) bells[thread] = bell;
    else port1.postMessage({ thread, bell } satisfies BellMessage, [bell]);
  });
  given = true;
  const { seat, tenancy, outboxes, inboxes } = boxes;
  port1.on('close', () => {
    host.events.off('ring-changed', tellRing);
    void host.releaseSeat(seat);
  });
  port1.unref();
  const { map, ring } = host;
  const tellRing = () => port1.postMessage({ ring: host.ring } satisfies RingMessage);
  host.events.on('ring-changed', tellRing);
  const data: HandleData = { map, ring, boxes: { seat, tenancy, outboxes, inboxes }, bells, port: port2, ...settings };
  const transferList = [port2, ...bells.filter((bell) => bell !== undefined)];
  return Object.defineProperty(data, 'transferList', {
    value: transferList,
    enumerable: false,
  }) as unknown as StoreHandle;
}

/** The host behind a store that `open` made: for tests that end its nodes. */
export function hostOf(store: Store): Host {
  const host = hosts.get(store);
  if (host === undefined)
    throw new StoreError('KV_INVALID_OPTION', 'this store was attached, it has no host of its own');
  return host;
}
