import test from 'ava';
import type { Hello } from '../../src/bridge/hello.js';
import { HostTable } from '../../src/bridge/host-table.js';
import type { HostAddress } from '../../src/bridge/types.js';

const hostAt = (host: string, first: number): HostAddress => ({
  ...{ host, first, room: 3, zone: 'z', machine: 'm' },
  address: `127.0.0.1:${7000 + first}`,
});
const claimAt = (host: string, first: number) => ({ host, first, room: 32 });

test('host table: a host is named before this one hears that it was let in -> it is known when it does', (t) => {
  const table = new HostTable(hostAt('a', 0), [claimAt('a', 0)]);
  t.false(table.learn(hostAt('b', 32), false));
  t.is(table.get('b'), undefined);
  t.deepEqual(table.setClaims([claimAt('a', 0), claimAt('b', 32)]), { forgotten: [], met: ['b'] });
  t.deepEqual(table.get('b'), hostAt('b', 32));
  t.deepEqual(table.setClaims([claimAt('a', 0), claimAt('c', 32)]), { forgotten: ['b'], met: [] });
  t.is(table.size, 1);
  t.true(table.learn(hostAt('c', 32), true), 'another host has its range');
});

test('host table: a cluster without a list -> whoever fits; ranges never overlap, also of the same host elsewhere', (t) => {
  const table = new HostTable(hostAt('a', 0));
  t.true(table.learn(hostAt('b', 32), false));
  t.false(table.learn(hostAt('c', 32), true));
  t.false(table.learn(hostAt('b', 64), false), 'what others say changes nothing');
  t.true(table.learn(hostAt('b', 64), true));
  t.deepEqual(
    table.all.map(({ host, first }) => [host, first]),
    [
      ['a', 0],
      ['b', 64],
    ],
  );
});

test('host table: more strangers named than it remembers -> those named last, also one that was let in long after', (t) => {
  const table = new HostTable(hostAt('a', 0), [claimAt('a', 0)]);
  for (let i = 0; i < 400; i++) table.learn(hostAt(`gone-${i}`, 64), false);
  table.learn(hostAt('b', 32), false);
  t.deepEqual(table.setClaims([claimAt('a', 0), claimAt('b', 32), claimAt('gone-0', 64)]).met, ['b']);
});

test('host table: a host is forgotten and let in anew with another range, unheard -> its old range is free for whose it is now', (t) => {
  const own = claimAt('a', 0);
  const table = new HostTable(hostAt('a', 0), [own, claimAt('c', 32)]);
  t.true(table.learn(hostAt('c', 32), true));
  t.deepEqual(table.setClaims([own, claimAt('d', 32), claimAt('c', 64)]), { forgotten: ['c'], met: [] });
  t.false(table.learn(hostAt('c', 32), false), 'who has not heard of it either');
  t.true(table.learn(hostAt('d', 32), true));
  t.true(table.learn(hostAt('c', 64), false));
  t.is(table.size, 3);
});

test('host table: the new range of a host is told before the ring says so -> it is known when that does', (t) => {
  const own = claimAt('a', 0);
  const table = new HostTable(hostAt('a', 0), [own, claimAt('c', 32)]);
  table.learn(hostAt('c', 32), true);
  t.false(table.learn(hostAt('c', 64), false));
  t.deepEqual(table.setClaims([own, claimAt('c', 64)]), { forgotten: ['c'], met: ['c'] });
  t.deepEqual(table.get('c'), hostAt('c', 64));
});

test('host table: the directory has a host under a range that it had before it was forgotten -> it is not known by that', (t) => {
  const table = new HostTable(hostAt('a', 0), [claimAt('a', 0), claimAt('d', 32), claimAt('c', 64)]);
  t.false(table.learn(hostAt('c', 32), false));
  t.true(table.learn(hostAt('d', 32), true));
});

test('host table: a host comes with the directory that it had before it was forgotten and let in anew -> not admitted', (t) => {
  const table = new HostTable(hostAt('a', 0), [claimAt('a', 0), claimAt('c', 64)]);
  t.is(table.objection({ self: hostAt('c', 32) } as Hello), 'not-admitted');
  t.is(table.objection({ self: hostAt('c', 64) } as Hello), undefined);
});
