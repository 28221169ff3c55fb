/** Calls on many keys: one promise for all of them, a window of requests under way at a time. */
import { setTimeout as sleep } from 'node:timers/promises';
import { asStoreError, StoreError } from '../core/errors.js';
import { isZoned } from '../protocol/outcome.js';
import { aborted, type ReadOrder } from './call-options.js';
import { AHEAD_PAIRS, loadPairs } from './early-loads.js';
import { NOT_LOCAL } from './local-reads.js';
import { GROUP_KEYS } from './plain-reads.js';
import type { StoreCore } from './store-core.js';
import { timeLeft } from './time-left.js';
import type { BatchOperation, Key, PutOptions, ReadOptions, Value, WriteOptions } from './types.js';
import { Batch, type SendItem } from './waiters.js';
import type { WriteOrder } from './writes.js';

const RETRY_MS_FIRST = 2;
const RETRY_MS_MAX = 100;

/** What reads many keys. */
export type ManyReader = Pick<StoreCore, 'calls' | 'checkOpen' | 'readWindow' | 'getLocalGroup' | 'getAny'>;

/** Values in the order of the keys; all of them within one deadline. */
export async function getMany(
  core: ManyReader,
  keys: readonly Key[],
  options?: ReadOptions,
): Promise<(Value | undefined)[]> {
  core.checkOpen();
  let order = core.calls.read(options);
  const untilMs = performance.now() + order.deadlineMs;
  if (!Array.isArray(keys)) throw badArgument('getMany takes an array of keys');
  const values: (Value | undefined)[] = new Array(keys.length);
  const misses: Promise<void>[] = [];
  const { r } = order;
  const isLocal = !order.monotonic && !isZoned(r);
  const step = Math.min(GROUP_KEYS, core.readWindow);
  try {
    for (let start = 0; start < keys.length; start += step) {
      const end = Math.min(keys.length, start + step);
      if (isLocal) core.getLocalGroup(keys, start, end, r, values);
      else values.fill(NOT_LOCAL, start, end);
      for (let i = start; i < end; i++) {
        if (values[i] === NOT_LOCAL) misses.push(getLate(core, keys, i, { order, untilMs, values }));
      }
      // only between groups: other calls prepare theirs meanwhile
      if (misses.length + step <= core.readWindow) continue;
      await Promise.all(misses.splice(0));
      if (end < keys.length) order = { ...order, deadlineMs: timeLeft(untilMs) };
    }
  } catch (error) {
    await Promise.allSettled(misses);
    throw error;
  }
  if (misses.length > 0) await Promise.all(misses);
  return values;
}

interface Late {
  readonly order: ReadOrder;
  readonly untilMs: number;
  readonly values: (Value | undefined)[];
}

/** By messages; again while too much is under way: nothing was done. */
async function getLate(core: ManyReader, keys: readonly Key[], index: number, late: Late): Promise<void> {
  let { order } = late;
  for (let pauseMs = RETRY_MS_FIRST; ; pauseMs = Math.min(RETRY_MS_MAX, pauseMs * 2)) {
    try {
      late.values[index] = await core.getAny(keys[index], order);
      return;
    } catch (error) {
      if (asStoreError(error).code !== 'KV_OVERLOADED') throw error;
      await sleep(pauseMs);
      if (performance.now() >= late.untilMs) throw error;
    }
    if (order.signal?.aborted === true) throw aborted(order.signal);
    order = { ...order, deadlineMs: timeLeft(late.untilMs) };
  }
}

/** Writes every pair within one deadline, or throws the first error; some may then have been written. */
export async function putMany(
  core: StoreCore,
  pairs: Iterable<readonly [Key, Value]>,
  options?: PutOptions,
): Promise<void> {
  const orders = new RoundOrders(batchOrder(core, options));
  // a longer list is written in rounds, in which an item has another index
  const isOneRound = Array.isArray(pairs) && pairs.length <= core.window;
  const list = isOneRound ? (pairs as readonly (readonly [Key, Value])[]) : [];
  const send: SendItem<readonly [Key, Value]> = (pair, member, index, leftMs) => {
    if ((index & (AHEAD_PAIRS - 1)) === 0 && index < list.length) core.plain.touched ^= loadPairs(list, index);
    if (!Array.isArray(pair)) throw badArgument('putMany takes pairs, each an array of key and value');
    const [key, value] = pair;
    core.checkWritable();
    core.addWrite(key, value, orders.within(leftMs), member, index);
  };
  await batchOf(core, send, ([key]) => key, orders.first, options?.signal).run(pairs);
}

/** Puts and deletes together. */
export async function batch(
  core: StoreCore,
  operations: Iterable<BatchOperation>,
  options?: WriteOptions,
): Promise<void> {
  const orders = new RoundOrders(batchOrder(core, options));
  const send: SendItem<BatchOperation> = (item, member, index, leftMs) => {
    const isPut = item?.type === 'put';
    if (!isPut && item?.type !== 'delete') {
      throw new StoreError('KV_INVALID_OPTION', `a batch takes operations of type put or delete`, { option: 'type' });
    }
    const ttlMs = isPut ? item.ttlMs : undefined;
    const order = orders.within(leftMs);
    const base = ttlMs === undefined ? order : { ...order, expiresAtMs: core.calls.expiresAtMs(ttlMs) };
    core.checkWritable();
    core.addWrite(item.key, isPut ? item.value : undefined, { ...base, tombstone: !isPut }, member, index);
  };
  await batchOf(core, send, ({ key }) => key, orders.first, options?.signal).run(operations);
}

function batchOf<One>(
  core: StoreCore,
  send: SendItem<One>,
  keyOf: (item: One) => Key,
  order: WriteOrder,
  signal: AbortSignal | undefined,
): Batch<One> {
  const window = core.window;
  return new Batch(send, {
    keyOf,
    order,
    check: (message) => core.writes.confirm(message),
    deadlineMs: order.deadlineMs,
    window,
    signal,
    publish: () => core.seat.publish(),
    onAbort: () => core.requests.passBy(),
  });
}

/** The order of a batch's writes, with the time that each round has: writes of one order travel in one message. */
class RoundOrders {
  readonly first: WriteOrder;
  #round: WriteOrder;

  constructor(first: WriteOrder) {
    this.first = first;
    this.#round = first;
  }

  within(leftMs: number): WriteOrder {
    if (leftMs !== this.#round.deadlineMs) this.#round = { ...this.first, deadlineMs: leftMs };
    return this.#round;
  }
}

function batchOrder(core: StoreCore, options: PutOptions | undefined): WriteOrder {
  core.checkWritable();
  if (options?.context === undefined) return core.calls.write(options, false, 0);
  throw new StoreError('KV_INVALID_OPTION', 'a batch takes no context: it would fit one key only', {
    option: 'context',
  });
}

/** An argument of the wrong kind. */
export function badArgument(message: string): StoreError {
  return new StoreError('KV_INVALID_OPTION', message, { option: 'arguments' });
}
