/** Connections: order, pipelines, backpressure, bounds, protocol errors, closing, and the Unix socket. */
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { StoreError } from '../../src/core/errors.js';
import { connectResp } from '../../src/server/resp-client.js';
import { serveResp } from '../../src/server/resp-server.js';
import { FakeStore } from './fake-store.js';
import { ask, eventually, plain, raw, serve, tcp } from './server-fixture.js';

const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`;

test('pipeline: any commands on few keys, local or not -> what one after another would answer', async (t) => {
  const { client, store } = await serve(t);
  const key = fc.constantFrom('a', 'b');
  const commands = fc.oneof(
    key.map((k) => ['GET', k]),
    fc.tuple(key, fc.constantFrom('1', '2', '3')).map(([k, v]) => ['SET', k, v]),
    key.map((k) => ['DEL', k]),
    fc.constant(['MGET', 'a', 'b']),
    fc.constant(['MSET', 'a', '8', 'b', '9']),
    key.map((k) => ['EXISTS', k]),
    fc.constant(['SCAN', '0']),
    fc.constant(['PING']),
    fc.constant(['DBSIZE']),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(commands, { maxLength: 30 }),
      fc.boolean(),
      fc.constantFrom(0, 1),
      async (given, local, delayMs) => {
        store.setLocal(local);
        store.entries.clear();
        store.delayMs = 0;
        const expected: unknown[] = [];
        for (const command of given) expected.push(await ask(client, ...command));
        store.entries.clear();
        store.delayMs = delayMs;
        t.deepEqual(await Promise.all(given.map((command) => ask(client, ...command))), expected);
      },
    ),
    { numRuns: 40 },
  );
});

test('pipeline: writes of many keys -> in flight together, answered in order by one write', async (t) => {
  const { server, store } = await serve(t);
  store.delayMs = 20;
  const connection = raw(t, server);
  let text = '';
  for (let index = 0; index < 100; index++) text += `SET k${index} v\r\nECHO ${index}\r\n`;
  connection.send(text);
  const replies = await connection.until((seen) => seen.endsWith(`+OK\r\n${bulk('99')}`));
  t.is(replies, Array.from({ length: 100 }, (_, index) => `+OK\r\n${bulk(String(index))}`).join(''));
  t.is(store.maxInFlight, 100);
});

test('pipeline: more than a connection may have pending -> all answered, never more in flight than the bound', async (t) => {
  const { client, store } = await serve(t);
  store.delayMs = 5;
  const replies = await Promise.all(
    Array.from({ length: 5_000 }, (_, index) => client.send(['SET', `k${index}`, 'v'])),
  );
  t.is(replies.length, 5_000);
  t.is(store.maxInFlight, 1_024);
});

test('requests: more than the server may have in flight -> connections wait and all are answered', async (t) => {
  const { server, store } = await serve(t);
  // long enough for a slow machine to read all that it may run before the first is done
  store.delayMs = 2_000;
  const clients = await Promise.all(Array.from({ length: 12 }, () => connectResp(tcp(server))));
  t.teardown(() => Promise.all(clients.map((client) => client.close())));
  const asked = clients.flatMap((client) =>
    Array.from({ length: 1_024 }, (_, k) => client.send(['SET', `k${k}`, 'v'])),
  );
  t.true((await Promise.all(asked)).every((reply) => reply === 'OK'));
  t.is(store.maxInFlight, 8_192);
});

test('backpressure: a client that does not read -> the server stops reading, and later answers everything', async (t) => {
  const { server, store } = await serve(t);
  await store.put('big', Buffer.alloc(10_000, 'b'));
  const connection = raw(t, server);
  connection.socket.pause();
  const count = 20_000;
  const one = '*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n';
  connection.send(one.repeat(count));
  await new Promise((resolve) => setTimeout(resolve, 300));
  const info = await connectResp(tcp(server));
  t.teardown(() => info.close());
  const text = String(plain(await info.send(['INFO', 'stats'])));
  const sent = Number(/total_net_output_bytes:(\d+)/.exec(text)?.[1]);
  t.true(sent < 20_000_000, `${sent} bytes were produced for a client that does not read`);
  let received = 0;
  connection.socket.removeAllListeners('data');
  connection.socket.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  connection.socket.resume();
  await eventually(() => received === count * (10_000 + '$10000\r\n\r\n'.length));
  t.pass();
});

test('backpressure: writes that wait for the store -> the server reads no more than it may run', async (t) => {
  const { server, client, store } = await serve(t);
  // long enough for a slow machine to read as many as it may run before the first is done
  store.delayMs = 2_000;
  const connection = raw(t, server);
  const count = 30_000;
  const one = `*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${bulk('v'.repeat(1_000))}`;
  connection.send(one.repeat(count));
  await eventually(() => store.maxInFlight === 1_024);
  await new Promise((resolve) => setTimeout(resolve, 100));
  const text = String(await ask(client, 'INFO', 'stats'));
  const taken = Number(/total_net_input_bytes:(\d+)/.exec(text)?.[1]);
  t.true(taken < 4_000_000, `${taken} bytes were read of a client whose writes wait`);
  store.delayMs = 0;
  await connection.until((seen) => seen.length === count * '+OK\r\n'.length);
});

test('backpressure: large reads behind a write that waits -> few replies are kept until it is answered', async (t) => {
  const { server, client, store } = await serve(t);
  await store.put('big', Buffer.alloc(65_536));
  store.delayMs = 1_000;
  const connection = raw(t, server);
  const count = 100;
  connection.send(`SET a 1\r\n${'GET big\r\n'.repeat(count)}`);
  await eventually(() => store.maxInFlight === 1);
  const text = String(await ask(client, 'INFO', 'stats'));
  const run = Number(/total_commands_processed:(\d+)/.exec(text)?.[1]);
  t.true(run < 25, `${run} commands have run, and all replies but one are kept`);
  const whole = '+OK\r\n'.length + count * (65_536 + '$65536\r\n\r\n'.length);
  await eventually(() => connection.received.length === whole);
});

test('protocol: broken bytes behind good commands -> their replies, an error, the end', async (t) => {
  const { server, store } = await serve(t);
  store.delayMs = 20;
  const connection = raw(t, server);
  connection.send('SET a 1\r\nPING\r\n*1\r\n$-7\r\nPING\r\n');
  await eventually(() => connection.ended);
  t.is(connection.received.toString(), '+OK\r\n+PONG\r\n-ERR Protocol error: invalid bulk length\r\n');
});

test('protocol: random bytes -> an error or silence, never a crash; others are served', async (t) => {
  const { server, client } = await serve(t);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 300 }), async (bytes) => {
      const connection = raw(t, server);
      connection.socket.end(bytes);
      await eventually(() => connection.ended);
      connection.socket.destroy();
    }),
    { numRuns: 60 },
  );
  t.is(await ask(client, 'PING'), 'PONG');
  t.true(String(await ask(client, 'INFO', 'stats')).includes('internal_errors:0'));
});

test('protocol: a web page that posts -> the connection ends before its body runs', async (t) => {
  const { server, store } = await serve(t);
  const connection = raw(t, server);
  connection.send('POST / HTTP/1.1\r\nHost: x\r\n\r\nSET a 1\r\n');
  await eventually(() => connection.ended);
  t.true(connection.received.toString().startsWith("-ERR unknown command 'POST'"));
  t.is(store.entries.size, 0);
});

test('quit: behind a slow write -> both answered, then the end', async (t) => {
  const { server, store } = await serve(t);
  store.delayMs = 20;
  const connection = raw(t, server);
  connection.send('SET a 1\r\nQUIT\r\nPING\r\n');
  await eventually(() => connection.ended);
  t.is(connection.received.toString(), '+OK\r\n+OK\r\n');
});

test('half-close: a client that sends and shuts its side -> gets every reply', async (t) => {
  const { server, store } = await serve(t);
  store.delayMs = 20;
  const connection = raw(t, server);
  connection.socket.end('SET a 1\r\nGET a\r\n');
  await eventually(() => connection.ended);
  t.is(connection.received.toString(), `+OK\r\n${bulk('1')}`);
});

test('hello: RESP3 in the middle of a pipeline -> earlier replies in RESP2, later ones in RESP3', async (t) => {
  const { server, store } = await serve(t);
  store.setLocal(false);
  const connection = raw(t, server);
  connection.send('GET a\r\nHELLO 3 SETNAME ann\r\nGET a\r\nCONFIG GET save\r\n');
  const text = await connection.until((seen) => seen.endsWith('save\r\n$0\r\n\r\n'));
  t.true(text.startsWith('$-1\r\n%7\r\n$6\r\nserver\r\n$6\r\nkvorum\r\n'));
  t.true(text.endsWith('_\r\n%1\r\n$4\r\nsave\r\n$0\r\n\r\n'));
});

test('connections: one more than the maximum -> told and closed; a free place is taken again', async (t) => {
  const { server, client } = await serve(t, { connectionsMax: 2 });
  const second = raw(t, server);
  second.send('PING\r\n');
  await second.until((seen) => seen === '+PONG\r\n');
  const third = raw(t, server);
  await eventually(() => third.ended);
  t.is(third.received.toString(), '-ERR max number of clients reached\r\n');
  second.socket.destroy();
  let clients = '';
  while (!clients.includes('connected_clients:1')) clients = String(await ask(client, 'INFO', 'clients'));
  const fourth = raw(t, server);
  fourth.send('PING\r\n');
  t.is(await fourth.until((seen) => seen.length > 0), '+PONG\r\n');
});

test('connections: resets in the middle of everything -> the server goes on', async (t) => {
  const { server, client, store } = await serve(t);
  store.delayMs = 5;
  for (let count = 0; count < 50; count++) {
    const connection = raw(t, server);
    connection.send(`SET k${count} v\r\nGET k${count}\r\n*2\r\n$3\r\nGE`);
    await new Promise((resolve) => setTimeout(resolve, count % 4));
    connection.socket.resetAndDestroy();
  }
  t.is(await ask(client, 'PING'), 'PONG');
  await eventually(() => store.maxInFlight > 0);
});

test('close: with a write in flight -> it is answered, then the connection ends; again -> nothing', async (t) => {
  const store = new FakeStore();
  store.delayMs = 50;
  const server = await serveResp(store, { port: 0 });
  const connection = raw(t, server);
  connection.send('SET a 1\r\n');
  await eventually(() => store.maxInFlight === 1);
  await Promise.all([server.close(), server.close()]);
  await eventually(() => connection.ended);
  t.is(connection.received.toString(), '+OK\r\n');
  await t.throwsAsync(connectResp(tcp(server)), { code: 'KV_UNAVAILABLE' });
});

test('listen: a port that is taken, options that clash -> KV_IN_USE, KV_INVALID_OPTION', async (t) => {
  const { server } = await serve(t);
  await t.throwsAsync(serveResp(new FakeStore(), { port: server.port }), { code: 'KV_IN_USE' });
  await t.throwsAsync(serveResp(new FakeStore(), { port: 70_000 }), { code: 'KV_INVALID_OPTION' });
  await t.throwsAsync(serveResp(new FakeStore(), { port: 1, socketPath: '/tmp/x' }), { code: 'KV_INVALID_OPTION' });
  await t.throwsAsync(serveResp(new FakeStore(), { port: 0, connectionsMax: 0 }), { code: 'KV_INVALID_OPTION' });
});

test('unix socket: served -> mode 0600, answers, gone after close; a stale one is replaced, others are not', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'kvorum-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const socketPath = join(folder, 's');
  const { client, server } = await serve(t, { socketPath });
  t.is((await stat(socketPath)).mode & 0o777, 0o600);
  t.is(server.address, socketPath);
  t.is(await ask(client, 'PING'), 'PONG');
  await t.throwsAsync(serveResp(new FakeStore(), { socketPath }), { code: 'KV_IN_USE' });
  await client.close();
  await server.close();
  await t.throwsAsync(stat(socketPath), { code: 'ENOENT' });

  await writeFile(socketPath, 'a file');
  await t.throwsAsync(serveResp(new FakeStore(), { socketPath }), { code: 'KV_PATH' });
  await rm(socketPath);
  await t.throwsAsync(serveResp(new FakeStore(), { socketPath: join(folder, 'no', 's') }), { code: 'KV_PATH' });
  await t.throwsAsync(serveResp(new FakeStore(), { socketPath: join(folder, 'l'.repeat(120)) }), { code: 'KV_PATH' });
});

test('client: a server that says nothing, or nonsense -> KV_DEADLINE_EXCEEDED, KV_PROTOCOL; full -> KV_OVERLOADED', async (t) => {
  const listener = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      if (chunk.includes('nonsense')) socket.write('?\r\n');
    });
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  t.teardown(() => listener.close());
  const port = (listener.address() as { port: number }).port;
  const target = { host: '127.0.0.1', port };
  const silent = await connectResp(target, { deadlineMs: 100, inFlightMax: 1 });
  const first = silent.send(['PING']);
  await t.throwsAsync(silent.send(['PING']), { instanceOf: StoreError, code: 'KV_OVERLOADED' });
  await t.throwsAsync(first, { instanceOf: StoreError, code: 'KV_DEADLINE_EXCEEDED' });
  const patient = await connectResp(target, { deadlineMs: 60_000 });
  await t.throwsAsync(patient.send(['PING'], 50), { code: 'KV_DEADLINE_EXCEEDED', message: /within 50 ms/ });
  await patient.close();
  const confused = await connectResp(target);
  await t.throwsAsync(confused.send(['nonsense']), { instanceOf: StoreError, code: 'KV_PROTOCOL' });
  await confused.close();
  await silent.close();
});
