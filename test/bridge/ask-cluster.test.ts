import test from 'ava';
import { askCluster } from '../../src/bridge/ask-cluster.js';
import { StoreError } from '../../src/core/errors.js';
import { FakeHost } from './bridge-fixture.js';

const asking = { host: 'new', clusterName: 'test', clockDriftMaxMs: 60_000 };

test('ask: a host of the cluster -> its facts, however large, and the hosts that it knows', async (t) => {
  const large = Array.from({ length: 20_000 }, (_, i) => i * 1000);
  const a = await new FakeHost('a', { secret: 's', hooks: { facts: () => ({ large }) } }).start(t);
  const { facts, hosts } = await askCluster(a.address, { ...asking, secret: 's' });
  t.deepEqual(facts, { large });
  t.deepEqual(hosts, [{ ...a.self, address: a.address }]);
  t.deepEqual(a.events, []);
});

test('ask: an empty cluster name -> is told, another one -> is refused with the reason', async (t) => {
  const a = await new FakeHost('a').start(t);
  t.deepEqual((await askCluster(a.address, { ...asking, clusterName: '' })).facts, { n: 3, from: 'a' });
  const error = await t.throwsAsync(askCluster(a.address, { ...asking, clusterName: 'other' }), {
    instanceOf: StoreError,
  });
  t.is(error?.code, 'KV_PEER_REFUSED');
  t.is(error?.details.reason, 'cluster');
});

test('ask: nobody there -> KV_PEER_UNREACHABLE; an address of another machine without secret -> KV_INVALID_OPTION', async (t) => {
  const a = await new FakeHost('a').start(t);
  await a.bridge.close();
  const nobody = await t.throwsAsync(askCluster(a.address, asking), { instanceOf: StoreError });
  t.is(nobody?.code, 'KV_PEER_UNREACHABLE');
  const beyond = await t.throwsAsync(askCluster('10.0.0.1:7400', asking), { instanceOf: StoreError });
  t.is(beyond?.code, 'KV_INVALID_OPTION');
});
