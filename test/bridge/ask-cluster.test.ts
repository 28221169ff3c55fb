import { connect, createServer } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { askCluster } from '../../src/bridge/ask-cluster.js';
import { FrameSocket } from '../../src/bridge/frame-socket.js';
import { Greeter } from '../../src/bridge/greeter.js';
import { FAREWELL_MS } from '../../src/bridge/limits.js';
import { Tally } from '../../src/bridge/stats.js';
import { StoreError } from '../../src/core/errors.js';
import { eventually, FakeHost } from './bridge-fixture.js';

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

test('ask: a host that hears the facts slowly -> has longer for it than one that is refused', async (t) => {
  const a = await new FakeHost('a').start(t);
  const socket = connect({ port: a.port, host: '127.0.0.1', allowHalfOpen: true });
  t.teardown(() => socket.destroy());
  const greeter = new Greeter({
    ...asking,
    self: { host: 'new', address: '', first: 0, room: 0, zone: '', machine: '' },
    optionsHash: '',
    purpose: 'ask',
    monotonicMs: () => 0,
  });
  await new Promise<void>((resolve) => {
    const link = new FrameSocket(socket, a.address, new Tally());
    // it has not come as far as to the end
    socket.removeAllListeners('end');
    const onEnd = () => {
      link.handler = { onFrame: () => undefined, onIdle: () => undefined, onClosed: () => undefined };
      resolve();
    };
    greeter.greet(link, { part: 'dialer', names: undefined, objection: () => undefined, onEnd });
  });
  await new Promise((resolve) => setTimeout(resolve, FAREWELL_MS + 500));
  // whoever has closed answers the first with a reset, and the second fails
  for (let i = 0; i < 2; i++) {
    const error = await new Promise((resolve) => socket.write('.', (thrown) => resolve(thrown ?? undefined)));
    t.is(error, undefined);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
});

test('ask: a bridge that closes while facts are on their way -> does not wait for who hears them slowly', async (t) => {
  const large = Buffer.alloc(3_900_000, 'facts');
  const a = await new FakeHost('a', { hooks: { facts: () => ({ large }) } }).start(t);
  const asked = askCluster(await slowProxyTo(t, a.port, 6_000), asking);
  await eventually(() => a.stats.bytesOut > large.length);
  const beganMs = performance.now();
  await a.bridge.close();
  t.true(performance.now() - beganMs < 4_000);
  // they may all be under way
  await Promise.allSettled([asked]);
});

/** A proxy that holds what the host says for a while once it says the most of it. */
async function slowProxyTo(t: ExecutionContext, port: number, heldMs: number): Promise<string> {
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const socket of [near, far]) socket.on('error', () => undefined);
    near.pipe(far);
    let bytes = 0;
    far.on('data', (piece: Buffer) => {
      near.write(piece);
      const before = bytes;
      bytes += piece.length;
      if (before > 4_096 || bytes <= 4_096) return;
      far.pause();
      setTimeout(() => far.resume(), heldMs);
    });
    far.on('end', () => near.end());
  });
  t.teardown(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as { port: number }).port}`;
}
