/** What a client can make the door hold: commands that wait for the store, and large replies, are bounded in bytes. */
import test from 'ava';
import { connectResp, type RespClient } from '../../src/server/resp-client.js';
import type { RespServer } from '../../src/server/resp-server.js';
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
  for (let index = 0; index < 4; index++) {
    store.delayMs = 50;
    store.maxInFlight = 0;
    const connection = raw(t, server);
    // the write keeps the replies behind it waiting
    connection.send('MGET a b\r\nSET c 1\r\nMGET a b\r\n');
    await eventually(() => store.maxInFlight > 0);
    connection.socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  t.true(Array.isArray(await ask(client, 'MGET', 'a', 'b')));
});
