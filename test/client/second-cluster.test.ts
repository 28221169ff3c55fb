/** The first seed of a cluster has lost its disk while the others are away, and begins another cluster. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { freePort } from '../../bench/harness/free-port.js';
import { makeFolder, openSmall, patiently, until } from './store-fixture.js';

test('hosts: the first seed lost its disk while the others were away -> two clusters that refuse each other as such; emptied again it is back', async (t) => {
  const listen = await Promise.all([0, 1].map(async () => `127.0.0.1:${await freePort()}`));
  const paths = listen.map(() => join(makeFolder(t), 'data'));
  const start = (i: number) =>
    openSmall(t, { path: paths[i], listen: listen[i], hostId: `host-${i}`, seeds: listen.join(','), nodes: 2, n: 2 });
  const first = await start(0);
  const second = await start(1);
  await until(() => [first, second].every((host) => host.members().length === 4 && host.ring().change === undefined));
  await first.put('key', 'kept', { w: 2 });
  await first.close();
  await second.close();
  rmSync(paths[0], { recursive: true });
  const anew = await start(0);
  t.is(anew.members().length, 2);
  const told: string[] = [];
  anew.on('host-refused', ({ reason }) => told.push(`host-0 ${reason}`));
  const old = await start(1);
  old.on('host-refused', ({ reason }) => told.push(`host-1 ${reason}`));
  // whoever listens says why, and whoever dials hears it
  await until(() => told.includes('host-0 other-cluster') || told.includes('host-0 refused: other-cluster'));
  await until(() => old.hosts().some(({ refusal }) => refusal === 'refused: other-cluster'));
  t.deepEqual([anew.hosts().length, old.members().length], [1, 4]);
  await anew.close();
  rmSync(paths[0], { recursive: true });
  const back = await start(0);
  await until(() => back.members().length === 4 && old.hosts().every(({ state }) => state === 'up'));
  // once the empty nodes count
  t.is(await patiently(() => back.get('key', { r: 2 }), new Set(['KV_READ_QUORUM_UNMET', 'KV_UNAVAILABLE'])), 'kept');
});
