/** What a client can make the door hold: commands that wait for the store, and large replies, are bounded in bytes. */
import test from 'ava';
import { connectResp, type RespClient } from '../../src/server/resp-client.js';
import type { RespServer } from '../../src/server/resp-server.js';
import type { FakeStore } from './fake-store.js';
import { ask, eventually, raw, serve, tcp } from './server-fixture.js';

const MIB = 1024 * 1024;

async function connectMany(t: { teardown(end: () => unknown): void }, server: RespServer, count: number) {
  const clients: RespClient[] = [];
  for (let index = 0; index < count; index++) {
    const client = await connectResp(tcp(server));
    t.teardown(() => client.close());
    clients.push(client);
  }
  return clients;
}

/** Has such calls wait until the result is called. */
function hold(store: FakeStore, name: 'get' | 'put'): () => void {
  const call = store[name].bind(store) as (...args: unknown[]) => Promise<never>;
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  store[name] = (...args: unknown[]) => released.then(() => call(...args));
  return release;
}

/** Counts from now on. */
function countCalls(store: FakeStore, name: 'get' | 'read' | 'scan'): { count: number } {
  const calls = { count: 0 };
  const call = store[name].bind(store) as (...args: unknown[]) => never;
  store[name] = (...args: unknown[]) => {
    calls.count += 1;
    return call(...args);
  };
  return calls;
}

test('memory: MGETs of many keys in one pipeline, by messages -> few at a time, and all are answered', async (t) => {
  const { client, store } = await serve(t);
  store.setLocal(false);
  store.delayMs = 5;
  const keys = Array.from({ length: 300 }, (_, index) => `k${index}`);
  const replies = await Promise.all(Array.from({ length: 40 }, () => client.send(['MGET', ...keys])));
  t.true(replies.every((reply) => Array.isArray(reply) && reply.length === 300));
  t.is(store.maxInFlight, 3);
});

test('memory: one MGET of more keys than a connection waits for -> is answered', async (t) => {
  const { client, store } = await serve(t);
  store.setLocal(false);
  const keys = Array.from({ length: 3_000 }, (_, index) => `k${index}`);
  const [one, other] = await Promise.all([client.send(['MGET', ...keys]), client.send(['MGET', ...keys])]);
  t.deepEqual([(one as unknown[]).length, (other as unknown[]).length], [3_000, 3_000]);
});

test('memory: MSETs of a MiB each in one pipeline -> as many wait for the store as make 4 MiB, and all are answered', async (t) => {
  const { client, store } = await serve(t);
  store.delayMs = 20;
  const value = Buffer.alloc(MIB, 'v');
  const replies = await Promise.all(
    Array.from({ length: 24 }, (_, index) => client.send(['MSET', `k${index}`, value])),
  );
  t.true(replies.every((reply) => reply === 'OK'));
  t.true(store.maxInFlight <= 4, `${store.maxInFlight}`);
  t.true(store.maxInFlight > 1, 'they overlap');
});

test('memory: batches of a load in one pipeline -> in flight together; pages of scans, four at a time', async (t) => {
  const { client, store } = await serve(t);
  store.delayMs = 50;
  const load = JSON.stringify(Array.from({ length: 256 }, (_, index) => ({ key: `k${index}`, value: 1 })));
  await Promise.all(Array.from({ length: 8 }, () => client.send(['KVORUM', 'LOAD', load])));
  t.is(store.maxInFlight, 8);
  store.maxInFlight = 0;
  await Promise.all(Array.from({ length: 12 }, () => client.send(['KVORUM', 'SCAN', '{"limit":1}'])));
  t.is(store.maxInFlight, 4);
});

test('memory: large replies of several clients at the same time -> KV_OVERLOADED beyond the bound, and room once they are written', async (t) => {
  const { server, store } = await serve(t, { repliesBytesMax: MIB });
  store.setLocal(false);
  await store.put('a', Buffer.alloc(3_000));
  store.delayMs = 100;
  // the store is asked for 256 keys at a time
  const words = ['MGET', ...Array.from({ length: 300 }, () => 'a')];
  const clients = await connectMany(t, server, 3);
  const replies = await Promise.all(clients.map((client) => ask(client, ...words)));
  const refused = replies.filter((reply) => /^KV_OVERLOADED replies of more than 1048576 bytes/.test(String(reply)));
  t.is(refused.length, 2);
  store.delayMs = 0;
  for (const client of [...clients, ...clients]) t.true(Array.isArray(await ask(client, ...words)));
});

test('memory: clients that go before their large reply is there -> give its share back', async (t) => {
  const { server, client, store } = await serve(t, { repliesBytesMax: MIB });
  store.setLocal(false);
  for (const key of ['a', 'b']) await store.put(key, Buffer.alloc(400_000));
  for (const reads of ['MGET a b\r\n', 'MGET a b\r\n', 'GET a\r\nGET b\r\n', 'GET a\r\nGET b\r\n']) {
    store.delayMs = 50;
    store.maxInFlight = 0;
    const connection = raw(t, server);
    // the write keeps the replies behind it waiting
    connection.send(`${reads}SET c 1\r\n${reads}`);
    await eventually(() => store.maxInFlight > 0);
    connection.socket.resetAndDestroy();
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  t.true(Array.isArray(await ask(client, 'MGET', 'a', 'b')));
});

test('memory: GETs of a MiB each in one pipeline, by messages, and nobody reads -> few are asked for; all are answered once somebody does', async (t) => {
  const { server, store } = await serve(t);
  store.setLocal(false);
  await store.put('a', Buffer.alloc(MIB));
  const asked = countCalls(store, 'get');
  const { socket } = raw(t, server);
  socket.removeAllListeners('data').pause();
  socket.write('GET a\r\n'.repeat(128));
  await eventually(() => asked.count > 0);
  await new Promise((resolve) => setTimeout(resolve, 300));
  t.true(asked.count <= 24, `${asked.count}`);
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  socket.resume();
  await eventually(() => bytes === 128 * ('$1048576\r\n'.length + MIB + 2));
  t.is(asked.count, 128);
});

test('memory: GETs of small values in one pipeline, by messages -> as many wait for the store as may', async (t) => {
  const { client, store } = await serve(t);
  store.setLocal(false);
  await store.put('a', 'small');
  store.delayMs = 20;
  const replies = await Promise.all(Array.from({ length: 8_000 }, () => client.send(['GET', 'a'])));
  t.true(replies.every((reply) => String(reply) === 'small'));
  t.is(store.maxInFlight, 1_024);
});

test('memory: values that wait for a reply before them -> KV_OVERLOADED beyond the bound; those that wait for none are answered', async (t) => {
  const { server, client, store } = await serve(t, { repliesBytesMax: MIB });
  store.setLocal(false);
  await store.put('a', Buffer.alloc(400_000));
  const asked = countCalls(store, 'get');
  const release = hold(store, 'put');
  const first = client.send(['SET', 'c', '1']);
  const replies = Promise.all(Array.from({ length: 6 }, () => ask(client, 'GET', 'a')));
  await eventually(() => asked.count === 6);
  const [other] = await connectMany(t, server, 1);
  for (let index = 0; index < 4; index++) t.is(String(await ask(other, 'GET', 'a')).length, 400_000);
  release();
  t.is(await first, 'OK');
  const refused = (await replies).filter((reply) => /^KV_OVERLOADED replies of more than 1048576/.test(String(reply)));
  t.is(refused.length, 4);
  t.is(String(await ask(client, 'GET', 'a')).length, 400_000);
});

test('memory: pages of scans and whole reads behind a read that waits -> few are kept until it is answered', async (t) => {
  for (const { words, call } of [
    { words: ['KVORUM', 'SCAN', '{"limit":1000}'], call: 'scan' },
    { words: ['KVORUM', 'GET', 'a'], call: 'read' },
    { words: ['SCAN', '0', 'COUNT', '10000'], call: 'scan' },
  ] as const) {
    const { client, store } = await serve(t);
    store.setLocal(false);
    await store.put('a', 'v'.repeat(MIB));
    for (let index = 0; index < 600; index++) await store.put(`${index}`.padEnd(1_900, 'k'), '');
    const asked = countCalls(store, call);
    const release = hold(store, 'get');
    const first = client.send(['GET', 'b']);
    const replies = Array.from({ length: 40 }, () => client.send(words));
    await eventually(() => asked.count > 0);
    await new Promise((resolve) => setTimeout(resolve, 300));
    t.true(asked.count <= 5, `${words.join(' ')}: ${asked.count}`);
    release();
    await first;
    await Promise.all(replies);
    t.is(asked.count, 40);
  }
});
