/** Every call of a store that was closed fails, and says why. */
import test from 'ava';
import { collect, failsWith, openSmall } from './store-fixture.js';

test('after close: every call -> KV_CLOSED, close again -> nothing', async (t) => {
  const closed = await openSmall(t);
  await closed.putMany(Array.from({ length: 64 }, (_, index) => [`key-${index}`, index]));
  const scan = closed.scan();
  const records = closed.records();
  const image = closed.records({ partition: 0, onInstant: ({ instant }) => t.true(instant) });
  for (const pages of [scan, records, image]) t.false((await pages.next()).done);
  await closed.close();
  await closed.close();
  const all: (() => unknown)[] = [
    () => closed.get('a'),
    () => closed.get('a', { r: 1 }),
    () => closed.getSync('a'),
    () => closed.read('a'),
    () => closed.has('a'),
    () => closed.put('a', 1),
    () => closed.delete('a'),
    () => closed.update('a', () => 1),
    () => closed.getMany(['a']),
    () => closed.getMany([]),
    () => closed.putMany([['a', 1]]),
    () => closed.putMany([]),
    () => closed.batch([{ type: 'delete', key: 'a' }]),
    () => closed.batch([]),
    () => collect(closed.scan()),
    () => scan.next(),
    () => collect(closed.records()),
    () => records.next(),
    () => image.next(),
    () => closed.restore([]),
    () => closed.count(),
    () => closed.stats(),
    () => closed.ring(),
    () => closed.members(),
    () => closed.hosts(),
    () => closed.handle(),
    () => closed.repair(),
    () => closed.plan({ kind: 'join' }),
    () => closed.change({ kind: 'join' }),
    () => closed.drain(),
  ];
  for (const call of all) await failsWith(t, 'KV_CLOSED', call, /the store is closed/);
});
