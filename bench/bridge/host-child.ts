/**
 * One host of the bridge suite as a process: it opens its store, and drives it when told to. It ends with its parent.
 */
import type { Store } from '../../src/client/types.js';
import { open } from '../../src/index.js';
import { driveLanes } from '../harness/driver.js';
import type { HostOrder, HostReply } from './orders.js';

const KEYS = 20_000;
const keyOf = (index: number): string => `key-${String(index).padStart(12, '0')}`;
const VALUE = 'v'.repeat(100);

let store: Store | undefined;

process.on('disconnect', () => process.exit(0));
process.on('message', (order: HostOrder) => {
  obey(order).then(
    (value) => reply({ id: order.id, value }),
    (error: Error) => reply({ id: order.id, error: error.message }),
  );
});

function reply(message: HostReply): void {
  if (process.connected) process.send?.(message);
}

async function obey(order: HostOrder): Promise<unknown> {
  if (order.what === 'open') {
    store = await open(order.options);
    return undefined;
  }
  if (store === undefined) throw new Error('the store is not open');
  switch (order.what) {
    case 'look': {
      const up = store.members().filter(({ state }) => state === 'up').length;
      return { up, isMoving: store.ring().change !== undefined };
    }
    case 'change':
      return void (await store.change(order.change));
    case 'fill':
      for (let i = 0; i < KEYS; i += 100) {
        await store.putMany(Array.from({ length: 100 }, (_, j) => [keyOf(i + j), VALUE] as const));
      }
      return undefined;
    case 'drive':
      return drive(store, order);
    case 'past-death':
      return firstWrite(store);
    case 'close':
      await store.close();
      setImmediate(() => process.disconnect());
      return undefined;
  }
}

/** Requests per second. */
async function drive(on: Store, { action, depth, durationMs }: Extract<HostOrder, { what: 'drive' }>): Promise<number> {
  let next = 0;
  const { requests, seconds } = await driveLanes({ depth, durationMs }, () => ({
    send: () => {
      next = (next + 7_919) % KEYS;
      const key = keyOf(next);
      return action === 'put' ? on.put(key, VALUE) : on.get(key);
    },
    check: (answer) => {
      if (action === 'get' && answer !== VALUE) throw new Error(`a read shows ${String(answer)}`);
    },
  }));
  return requests / seconds;
}

/** Writes to all keys in turn; when each of them has been written once without failing. */
async function firstWrite(on: Store): Promise<number> {
  const from = performance.now();
  for (let i = 0; i < 64; i++) {
    while (
      !(await on.put(keyOf(i), VALUE, { deadlineMs: 2_000 }).then(
        () => true,
        () => false,
      ))
    ) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
  return performance.now() - from;
}
