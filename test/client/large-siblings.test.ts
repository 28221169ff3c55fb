/**
 * Siblings that are together larger than half a mailbox, as the merge of what replicas took apart may leave them: threads
 * and hosts have to move them all the same, or a read, a comparison or a change of the ring never ends.
 */
import test from 'ava';
import { freePort } from '../../bench/harness/free-port.js';
import { addressOf, Role } from '../../src/actor/address.js';
import { hostOf, takeSeat } from '../../src/client/open.js';
import { counter, replicaId } from '../../src/core/ids.js';
import type { SiblingSet } from '../../src/core/siblings.js';
import { slotOf } from '../../src/core/slot-hash.js';
import { slotShiftOf } from '../../src/host/thread-map.js';
import type { OpenStoreOptions, Store } from '../../src/index.js';
import { Head } from '../../src/protocol/header.js';
import { mailboxBytes, recordBytesMax } from '../../src/protocol/limits.js';
import { Replicate } from '../../src/protocol/messages.js';
import { DurabilityCode, withEpoch } from '../../src/protocol/outcome.js';
import { decodeRecord, encodedBytes } from '../../src/protocol/record-set.js';
import { nodeThread } from '../../src/runtime/post-office.js';
import { partsOf, replicateDraft } from '../../src/sim/messages.js';
import { HotReader } from '../../src/storage/hot-reader.js';
import { joined, plain } from '../actors/sets.js';
import { collect, failsWith, openSmall, until } from './store-fixture.js';

const KEY = 'cart';
const PAIR_BYTES_MAX = 10_240;
const PARTITIONS = 8;
const OPTIONS: OpenStoreOptions = {
  pairBytesMax: PAIR_BYTES_MAX,
  partitions: PARTITIONS,
  nodesMax: 4,
  // the comparisons of a test begin when it asks for them
  antiEntropyIntervalMs: 3_600_000,
};
/** By zone: replicas are asked by messages, not read in memory. */
const BY_MESSAGES = { r: 'each-quorum' } as const;

function textsOf({ siblings }: SiblingSet): string[] {
  return siblings.map(({ value }) => Buffer.from(value).toString()).sort();
}

const COUNT = 6;
/** What three replicas have taken of clients while they were apart, each as much as it may. */
const TAKEN = (['a', 'b', 'c'] as const).map((replica): SiblingSet => {
  const siblings = Array.from({ length: COUNT }, (_, i) => {
    const [sibling] = plain(replica, i + 1, `${replica}${i}`.padEnd(9_900, '.')).siblings;
    return sibling;
  });
  return { vector: [siblings[COUNT - 1].dot], siblings: siblings.toReversed() };
});
const ALL = textsOf(joined(...TAKEN));

test('large siblings: what these tests merge -> each part is a legal write, all of it larger than half a mailbox', (t) => {
  for (const set of TAKEN) t.true(encodedBytes(KEY.length, set) <= recordBytesMax(PAIR_BYTES_MAX));
  t.true(encodedBytes(KEY.length, joined(...TAKEN)) > mailboxBytes(PAIR_BYTES_MAX) / 2);
});

const PARTITION = slotOf(Buffer.from(KEY)) >>> slotShiftOf(PARTITIONS);

/** Has a node of this host merge these records of the key, as if another one had sent them. */
function plant(store: Store, node: number, sets: readonly SiblingSet[]): void {
  const host = hostOf(store);
  const seat = takeSeat(host, () => undefined);
  for (const set of sets) {
    const { tag, bytes, fill } = replicateDraft(KEY, set);
    seat.open(tag, addressOf(Role.vnode, node, PARTITION), 1, bytes);
    fill(seat.out.words, seat.out.bytes, seat.out.at);
    seat.out.words[seat.out.at + Head.from] = addressOf(Role.antiEntropy, node, 0);
    seat.out.words[seat.out.at + Replicate.options] = withEpoch(DurabilityCode.interval << 8, host.ring.epoch);
    seat.publish();
  }
}

/** What a node of this host has of the key in memory. */
function heldBy(store: Store, node: number): string[] {
  const { bytes, hash, slot } = partsOf(KEY);
  const words = new Int32Array((bytes.length + 3) >>> 2);
  Buffer.from(words.buffer).set(bytes);
  const reader = new HotReader(hostOf(store).map.memories[node]);
  const at = reader.find(words, hash, bytes.length | (slot << 16), 0);
  return at < 0 ? [] : textsOf(decodeRecord(reader.words, reader.bytes, at));
}

const holdersOf = (store: Store): readonly number[] => hostOf(store).ring.lists[PARTITION];

async function readBy(store: Store, options: Parameters<Store['read']>[1]): Promise<unknown[]> {
  const { siblings } = await store.read(KEY, options);
  return siblings.map(({ value }) => value).sort();
}

test('large siblings: replicas that took them apart are compared -> each has all; reads by messages and pages too', async (t) => {
  const store = await openSmall(t, OPTIONS);
  const { context: none } = await store.read(KEY);
  const holders = holdersOf(store);
  for (const [index, set] of TAKEN.entries()) plant(store, holders[index], [set]);
  await until(() => holders.every((node) => heldBy(store, node).length > 0));
  t.deepEqual((await store.repair()).failed, []);
  for (const node of holders) t.deepEqual(heldBy(store, node), ALL);
  t.deepEqual(await readBy(store, BY_MESSAGES), ALL);
  const [record] = await collect(store.records());
  t.is(record.siblings.length, ALL.length);
  t.is((await collect(store.scan())).length, 1);
  const { context } = await store.read(KEY, BY_MESSAGES);
  await failsWith(t, 'KV_TOO_MANY_SIBLINGS', () => store.put(KEY, 'one more', { context: none }));
  await store.put(KEY, 'one', { context, w: 3 });
  t.deepEqual(await readBy(store, BY_MESSAGES), ['one']);
});

test('large siblings: the ring changes -> whoever is to hold them gets all of them, and the change ends', async (t) => {
  const store = await openSmall(t, { ...OPTIONS, nodes: 4, n: 3 });
  const before = holdersOf(store);
  for (const node of before) plant(store, node, TAKEN);
  await until(() => before.every((node) => heldBy(store, node).length === ALL.length));
  const { done } = await store.change({ kind: 'leave', nodes: [before[0]] });
  t.true(done);
  const [fresh] = holdersOf(store).filter((node) => !before.includes(node));
  t.deepEqual(heldBy(store, fresh), ALL);
});

test('large siblings: between hosts -> comparisons, reads and records bring them over the bridge whole', async (t) => {
  const listen = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const hosts: Store[] = [];
  for (const [index, address] of listen.entries()) {
    const own = { listen: address, seeds: listen[0], hostId: `host-${index}`, secret: 'a secret of this test' };
    hosts.push(await openSmall(t, { ...OPTIONS, ...own }));
  }
  const [first, second] = hosts;
  const isWhole = (store: Store) => store.members().length === 6 && store.ring().change === undefined;
  await until(() => hosts.every(isWhole));
  const holders = holdersOf(first);
  const here = holders.filter((node) => nodeThread(hostOf(first).map, node) !== undefined);
  const there = holders.filter((node) => !here.includes(node));
  t.true(here.length > 0 && there.length > 0);
  plant(first, here[0], TAKEN);
  await until(() => heldBy(first, here[0]).length === ALL.length);
  t.deepEqual((await second.repair({ partition: PARTITION })).failed, []);
  for (const node of there) t.deepEqual(heldBy(second, node), ALL);
  for (const store of hosts) {
    t.deepEqual(await readBy(store, { r: 3 }), ALL);
    const [record] = await collect(store.records());
    t.is(record.siblings.length, ALL.length);
  }
});

test('large siblings: a key that hundreds of replicas have written -> the context that a read returns is one that a put takes', async (t) => {
  const store = await openSmall(t, OPTIONS);
  const [sibling] = plain('a', 1, 'old').siblings;
  const vector = Array.from({ length: 1_000 }, (_, i) => ({ replica: replicaId(100 + i), counter: counter(1) }));
  for (const node of holdersOf(store)) plant(store, node, [{ vector: [sibling.dot, ...vector], siblings: [sibling] }]);
  await until(() => holdersOf(store).every((node) => heldBy(store, node).length > 0));
  const { context } = await store.read(KEY);
  await store.put(KEY, 'new', { context, w: 3 });
  t.deepEqual(await readBy(store, BY_MESSAGES), ['new']);
});
