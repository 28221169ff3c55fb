/** Another failure domain, with real threads: replicas move to where they differ in it, under writes and over reopenings. */
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { hostOf } from '../../src/client/open.js';
import type { OpenStoreOptions, Store } from '../../src/index.js';
import { failsWith, makeFolder, openSmall } from '../client/store-fixture.js';
import { lost, startLoad } from './ring-load.js';

const KEYS = 300;

/** Two nodes in zone a, and two that joined in zone b; replicas on any two of them. */
async function inTwoZones(t: ExecutionContext, path: string): Promise<Store> {
  const first = await openSmall(t, { path, nodes: 2, n: 2, r: 1, w: 2, nodesMax: 4, partitions: 32, zone: 'a' });
  await first.change({ kind: 'join' });
  await first.close();
  const store = await reopen(t, path);
  await store.change({ kind: 'join' });
  await store.putMany(Array.from({ length: KEYS }, (_, i) => [`key-${i}`, `value ${i}`] as const));
  return store;
}

const reopen = (t: ExecutionContext, path: string, options: OpenStoreOptions = {}) =>
  openSmall(t, { path, nodes: 2, partitions: 32, nodesMax: 4, zone: 'b', ...options });

/** Partitions whose replicas share a zone. */
function sharing(store: Store): number[] {
  const zones = new Map(store.members().map(({ node, zone }) => [node, zone]));
  return store.ring().preferenceLists.flatMap((list, partition) => {
    return new Set(list.map((node) => zones.get(node))).size === list.length ? [] : [partition];
  });
}

async function missing(store: Store): Promise<number[]> {
  const values = await store.getMany(Array.from({ length: KEYS }, (_, i) => `key-${i}`));
  return values.flatMap((value, i) => (value === `value ${i}` ? [] : [i]));
}

test.serial('failure domain: from node to zone under writes -> as planned, replicas in distinct zones', async (t) => {
  const store = await inTwoZones(t, join(makeFolder(t), 'data'));
  const change = { kind: 'failure-domain', failureDomain: 'zone' } as const;
  const before = sharing(store);
  const plan = await store.plan(change);
  t.is(plan.kind, 'failure-domain');
  t.true(before.length > 0 && plan.partitions >= before.length, `${plan.partitions} for ${before.length}`);
  t.deepEqual(sharing(store), before);
  const load = startLoad(store);
  const result = await store.change(change);
  await load.stop();
  t.is(result.partitions, plan.partitions);
  t.deepEqual(sharing(store), []);
  t.is(store.ring().failureDomain, 'zone');
  t.deepEqual(await lost(store, load), []);
  t.deepEqual(await missing(store), []);
});

test.serial(
  'failure domain: changed -> the old value and the new one open the directory, and the new one counts',
  async (t) => {
    const path = join(makeFolder(t), 'data');
    const store = await inTwoZones(t, path);
    await store.change({ kind: 'failure-domain', failureDomain: 'zone' }, { wait: false });
    await store.close();
    for (const options of [{}, { failureDomain: 'node' }, { failureDomain: 'zone' }] as const) {
      const again = await reopen(t, path, options);
      t.is(hostOf(again).options.failureDomain, 'zone');
      t.deepEqual(await missing(again), []);
      await again.close();
    }
    await failsWith(t, 'KV_WRONG_CLUSTER', () => reopen(t, path, { failureDomain: 'host' }), /failureDomain/);
    const back = await reopen(t, path);
    while (back.ring().change !== undefined) await new Promise((resolve) => setTimeout(resolve, 20));
    t.deepEqual(sharing(back), []);
    await back.change({ kind: 'failure-domain', failureDomain: 'node' });
    t.is(back.ring().failureDomain, 'node');
  },
);

test.serial('failure domain: one that is none, or has too few -> a typed error, and nothing has changed', async (t) => {
  const store = await openSmall(t);
  const nonsense = { kind: 'failure-domain', failureDomain: 'planet' as 'zone' } as const;
  await failsWith(t, 'KV_INVALID_OPTION', () => store.change(nonsense), /failureDomain must be one of/);
  await failsWith(t, 'KV_FAILURE_DOMAINS', () => store.change({ kind: 'failure-domain', failureDomain: 'zone' }));
  t.is(store.ring().epoch, 1);
});
