/** A peer that says nothing: quiet first, dead later, and heard again at its first frame. */
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { Silence } from '../../src/bridge/silence.js';
import { ForgetfulProxy } from '../client/forgetful-proxy.js';
import { eventually, FakeHost } from './bridge-fixture.js';

test('silence: nothing for two pings -> quiet, told once; for five seconds -> dead', (t) => {
  const silence = new Silence(1_000);
  t.is(silence.look(3_000, 0), undefined);
  t.is(silence.look(3_001, 0), 'quiet');
  t.is(silence.look(3_250, 0), undefined);
  t.true(silence.isQuiet);
  t.is(silence.look(6_001, 0), 'dead');
});

test('silence: a frame -> heard, and whether that is news', (t) => {
  const silence = new Silence(0);
  t.false(silence.heard(100));
  t.is(silence.look(2_101, 0), 'quiet');
  t.true(silence.heard(2_200));
  t.false(silence.isQuiet);
  t.is(silence.look(4_200, 0), undefined);
  t.is(silence.look(4_201, 0), 'quiet');
});

test('silence: a peer that is far away, or was never measured -> more time, but not without end', (t) => {
  t.is(new Silence(0).look(2_400, 400), undefined);
  t.is(new Silence(0).look(2_401, 400), 'quiet');
  t.is(new Silence(0).look(3_001, Number.POSITIVE_INFINITY), 'quiet');
});

test('silence: what a host sends is held up -> its peer says that it is quiet, then that it is back; it is connected all the while', async (t) => {
  const news: string[] = [];
  const a = await new FakeHost('a').start(t);
  const proxy = new ForgetfulProxy(a.port);
  await proxy.start();
  t.teardown(() => proxy.close());
  const self = { host: 'b', address: '127.0.0.1:1', first: 32, room: 32, zone: 'z', machine: 'm' };
  const onQuiet = ({ host }: { host: string }, isQuiet: boolean) => news.push(`${host} ${isQuiet}`);
  const b = await new FakeHost('b', { index: 1, self, seeds: [`127.0.0.1:${proxy.port}`], hooks: { onQuiet } }).start(
    t,
  );
  await eventually(() => b.links.has('a') && Number.isFinite(b.stats.peers[0]?.roundTripMs), 'b hears a');
  t.deepEqual(news, []);
  proxy.hold();
  await eventually(() => news.length > 0, 'a is quiet');
  t.deepEqual(news, ['a true']);
  t.true(b.links.has('a'));
  // a keeps hearing b: it holds on to the connection
  proxy.release();
  await eventually(() => news.length > 1, 'a is back');
  t.deepEqual(news, ['a true', 'a false']);
  await sleep(0);
  t.true(b.links.has('a'));
});
