/**
 * Six copies in three zones, on six host processes, W=4 and R=3: writes survive the loss of a zone, reads that and one host
 * more (Verbitski et al., "Amazon Aurora", SIGMOD 2017, section 2.1). `test/sim/zones.test.ts` has the same in the simulator.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { Cluster } from './cluster.js';
import { HostError } from './host-handle.js';

const ZONES = ['a', 'a', 'b', 'b', 'c', 'c'];
const KEYS = Array.from({ length: 24 }, (_, index) => `key-${index}`);
const PATIENCE_MS = 30_000;
/** Three replicas that need not be those which a later read asks. */
const R3 = { monotonic: false };

async function make(t: { teardown(end: () => Promise<void>): void }): Promise<Cluster> {
  const cluster = await Cluster.make({
    places: ZONES.length,
    nodesPerHost: 1,
    network: 'loopback',
    tell: () => undefined,
    // the first holds six copies while it is alone; all hosts weigh the same
    own: (place) => ({
      zone: ZONES[place],
      nodes: place === 0 ? 6 : 1,
      weights: place === 0 ? new Array<number>(6).fill(0.5) : [3],
      n: 6,
      w: 4,
      r: 3,
      partitions: 8,
      seeds: cluster.network.advertise(0),
    }),
  });
  t.teardown(() => cluster.close());
  await cluster.startAll(ZONES.map((_, place) => place));
  await cluster.whole();
  await cluster.hosts[0].ask('change', { change: { kind: 'failure-domain', failureDomain: 'host' } });
  await cluster.whole();
  return cluster;
}

/** The call until it is done, whatever the hosts that are gone have taken along; its last failure after a while. */
async function persist<Result>(call: () => Promise<Result>): Promise<Result> {
  const endMs = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (performance.now() > endMs) throw error;
      await sleep(100);
    }
  }
}

test('zones: six copies on six hosts in three zones -> writes go on without a zone, reads without a zone and a host', async (t) => {
  t.timeout(240_000);
  const cluster = await make(t);
  const [a1, a2, b1, b2, c1] = cluster.hosts;
  for (const [index, key] of KEYS.entries()) {
    await cluster.hosts[index % 6].ask('put', { key, value: 'first' });
  }
  await Promise.all([a1.kill(), a2.kill()]);
  for (const key of KEYS) t.is(await persist(() => b1.ask('get', { key, options: R3 })), 'first');
  for (const [index, key] of KEYS.entries()) {
    const host = [b1, b2, c1][index % 3];
    await persist(() => host.ask('put', { key, value: 'second' }));
  }
  await b2.kill();
  for (const key of KEYS) t.is(await persist(() => c1.ask('get', { key, options: R3 })), 'second');
  // three of six are left: no write is acknowledged any more
  for (const key of KEYS.slice(0, 3)) {
    const error = await t.throwsAsync<HostError>(
      c1.ask('put', { key, value: 'third', options: { deadlineMs: 1_000 } }),
    );
    t.true(error instanceof HostError, String(error));
  }
  for (const place of [0, 1, 3]) await cluster.start(place);
  await cluster.whole();
  for (const key of KEYS.slice(3)) t.is(await persist(() => a2.ask('get', { key, options: R3 })), 'second');
});
