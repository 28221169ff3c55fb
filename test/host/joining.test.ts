/** How a host with a new directory decides between joining a cluster and beginning one. */
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { isNobodyThere } from '../../src/bridge/dial.js';
import { DataDirectory } from '../../src/host/data-directory.js';
import { meetCluster } from '../../src/host/joining.js';
import { freePorts } from '../bridge/rogue.js';
import { failsWith, makeFolder } from '../client/store-fixture.js';

const ASK_MS = 3_000;

async function firstSeed(t: ExecutionContext) {
  const [own, other] = await freePorts(2);
  const directory = new DataDirectory(join(makeFolder(t), 'data'));
  t.teardown(() => directory.release());
  const listen = `127.0.0.1:${own}`;
  const given = { listen, seeds: `${listen},127.0.0.1:${other}`, hostId: 'a' };
  return { given, other, directory, meet: () => meetCluster(given, directory, ASK_MS) };
}

/** Ends every connection at once, as a host at the limit of its strangers does, or a proxy before one that starts. */
async function busyAt(t: ExecutionContext, port: number): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  t.teardown(() => server.close());
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return server;
}

test('joining: the first seed, nobody listens at the other -> it begins a cluster', async (t) => {
  const { given, meet } = await firstSeed(t);
  t.is(await meet(), given);
});

test('joining: the first seed, somebody is at the other and says nothing -> no second cluster, but an error that says what to do', async (t) => {
  const { other, meet } = await firstSeed(t);
  await busyAt(t, other);
  await failsWith(t, 'KV_UNAVAILABLE', meet, /so this host begins none: .* with its own address as the only seed/);
});

test('joining: the first seed, nobody is at one and somebody may be at the other -> the error names that one', async (t) => {
  const { given, other, directory } = await firstSeed(t);
  await busyAt(t, other);
  const [none] = await freePorts(1);
  const seeds = `${given.seeds},127.0.0.1:${none}`;
  const meet = () => meetCluster({ ...given, seeds }, directory, 500);
  await failsWith(t, 'KV_UNAVAILABLE', meet, new RegExp(`the last was 127.0.0.1:${other}: .* begins none`));
});

test('joining: the first seed, somebody was at the other and restarts -> no second cluster either', async (t) => {
  const { other, meet } = await firstSeed(t);
  const server = await busyAt(t, other);
  setTimeout(() => server.close(), 700);
  await failsWith(t, 'KV_UNAVAILABLE', meet, /this host begins none/);
});

const failed = (...codes: string[]) =>
  new AggregateError(codes.map((code) => Object.assign(new Error(code), { code })));
for (const [error, isNobody] of [
  [failed('ECONNREFUSED'), true],
  [failed('ENOTFOUND'), true],
  [failed('ENETUNREACH', 'ECONNREFUSED'), true],
  [failed('ENETUNREACH'), false],
  [failed('EHOSTUNREACH', 'ECONNREFUSED'), false],
  [failed('ETIMEDOUT'), false],
  [failed('EAI_AGAIN'), false],
] as const) {
  const codes = error.errors.map(({ message }: Error) => message).join(' and ');
  test(`joining: dialing fails with ${codes} -> ${isNobody ? 'nobody is' : 'somebody may be'} there`, (t) => {
    t.is(isNobodyThere(error), isNobody);
    if (error.errors.length === 1) t.is(isNobodyThere(error.errors[0]), isNobody);
  });
}
