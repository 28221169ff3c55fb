/**
 * One host of a cluster under test, as a process of its own: it opens its store when it is told to, and does what the
 * driver asks over the channel between parent and child, so that the driver alone writes the history.
 */
import { open, type Store } from '../../src/index.js';
import type { Answer, Order } from './orders.js';

let store: Store | undefined;

async function obey({ what, args }: Order): Promise<unknown> {
  if (what === 'open') {
    store = await open(args.options);
    for (const { node, state } of store.members().filter(({ host }) => host === args.options.hostId)) {
      if (state !== 'up') process.send?.({ event: 'opened', detail: { node, state } });
    }
    store.on('host', (detail) => process.send?.({ event: 'host', detail }));
    store.on('host-refused', (detail) => process.send?.({ event: 'host-refused', detail }));
    store.on('storage-error', (detail) => process.send?.({ event: 'storage-error', detail }));
    store.on('node-down', (detail) => process.send?.({ event: 'node-down', detail }));
    store.on('node-up', (detail) => process.send?.({ event: 'node-up', detail }));
    return undefined;
  }
  if (store === undefined) throw new Error('the store is not open');
  switch (what) {
    case 'put':
      return void (await store.put(args.key, args.value, args.options));
    case 'delete':
      return void (await store.delete(args.key, args.options));
    case 'get':
      return (await store.get(args.key, { monotonic: true, ...args.options })) ?? null;
    case 'look': {
      const { nodes } = await store.stats();
      const hints = nodes.reduce((sum, one) => sum + one.hints + one.notes, 0);
      const { epoch, change } = store.ring();
      const { rss } = process.memoryUsage();
      return { members: store.members(), hosts: store.hosts(), epoch, isMoving: change !== undefined, hints, rss };
    }
    case 'repair':
      return store.repair({ dryRun: args.dryRun });
    case 'change':
      return store.change(args.change, { wait: false, force: args.force ?? false });
    case 'close':
      await store.close();
      setImmediate(() => process.disconnect());
      return undefined;
  }
}

process.on('message', (order: Order) => {
  obey(order).then(
    (value) => answer({ id: order.id, value }),
    (error: Error & { code?: string }) =>
      answer({ id: order.id, error: { code: error.code ?? '', message: error.message } }),
  );
});

function answer(message: Answer): void {
  if (process.connected) process.send?.(message);
}

// the driver is gone: so is the test
process.on('disconnect', () => process.exit(0));
