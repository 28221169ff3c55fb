/** Nodes of a host that come and go with the ring. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { hostOf } from '../../src/client/open.js';
import type { Host } from '../../src/host/host.js';
import { Life, Status } from '../../src/host/thread-map.js';
import { makeFolder, openSmall, until } from '../client/store-fixture.js';

/** The ring that the host sees has one more of its nodes, node 3. */
function addMember(host: Host): void {
  const [member] = host.threads.candidates([1]);
  const ring = { ...host.ring, members: [...host.ring.members, member] };
  Object.defineProperty(host, 'ring', { get: () => ring });
}

test('node threads: the ring has a node of this host that cannot start for now -> told, and it starts once it can', async (t) => {
  const path = join(makeFolder(t), 'data');
  const store = await openSmall(t, { path, nodesMax: 4 });
  const host = hostOf(store);
  addMember(host);
  const directory = join(path, 'node-003');
  // its directory cannot be made
  writeFileSync(directory, '');
  const told: string[] = [];
  store.on('storage-error', ({ node, code }) => told.push(`${node} ${code}`));
  host.threads.follow();
  await until(() => told.length >= 2);
  t.deepEqual([...new Set(told)], ['3 KV_STORAGE_FAILED']);
  const status = new Int32Array(host.map.status);
  t.is(status[3 * Status.line + Status.up], Life.down);
  rmSync(directory);
  await until(() => status[3 * Status.line + Status.up] === Life.up, 30_000);
  t.pass();
});

test('node threads: the ring has another node when the host has closed -> none is started', async (t) => {
  const store = await openSmall(t, { nodesMax: 4 });
  const host = hostOf(store);
  await store.close();
  addMember(host);
  // as a change that was given up while the host closed does
  await host.threads.cancelJoining([]);
  t.deepEqual(host.threads.nodes, [0, 1, 2]);
});
