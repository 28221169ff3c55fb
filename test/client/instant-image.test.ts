/**
 * What R replicas held at one instant, in simulated worlds: a client writes pairs of keys one after the other while others
 * take images, and in every image the pairs are as they were at some moment.
 */
import test from 'ava';
import { WATCHED_KEYS_MAX } from '../../actors/change-watches.js';
import { addressOf, nodeOf, Role } from '../../src/actor/address.js';
import { type ImageLimits, instantImage } from '../../src/client/instant-image.js';
import { PartitionImage } from '../../src/client/partition-image.js';
import { type Entry, scanEntries } from '../../src/client/scan.js';
import { nodeIndex } from '../../src/core/ids.js';
import type { MessageView } from '../../src/protocol/header.js';
import { Kind } from '../../src/protocol/messages.js';
import { Changes, Watch, WatchStep } from '../../src/protocol/watch-messages.js';
import { codeOf } from '../../src/sim/messages.js';
import { isSettled, joinSpare } from '../../src/sim/operator.js';
import { World } from '../../src/sim/world.js';
import { plain } from '../actors/sets.js';
import { putAt } from '../sim/replicas.js';
import { key, PARTITION, tornPairs, worldOfPairs, writePairs } from './image-world.js';
import { driven, type Opened, order, simParts } from './sim-parts.js';
import { collect, failsWith, until } from './store-fixture.js';

const SEEDS = 12;
const LIMITS: ImageLimits = { bytesMax: 2 ** 20, quietMsMax: 1_000, attemptsMsMax: 60_000 };
async function scanned(world: World, r: number): Promise<Entry[]> {
  const entries: Entry[] = [];
  const parts = { ...simParts(world, world.clients[1]), only: PARTITION };
  const scan = async () => {
    for await (const entry of scanEntries(parts, { reverse: false }, order(r))) entries.push(entry);
  };
  await driven(world, scan());
  return entries;
}

const imaged = (world: World, r = 2, limits = LIMITS) =>
  driven(world, instantImage(simParts(world, world.clients[1]), PARTITION, order(r), limits));

test('image: pairs written one after the other, any delays -> no torn pair in any; a scan has some', async (t) => {
  let [torn, images, written] = [0, 0, 0];
  for (let seed = 1; seed <= SEEDS; seed++) {
    const world = worldOfPairs(seed);
    const writer = writePairs(world, 0);
    for (const r of [2, 3]) {
      torn += tornPairs(t, await scanned(world, r));
      const image = await imaged(world, r);
      if (!(image instanceof PartitionImage)) continue;
      images++;
      t.is(tornPairs(t, await collect(image.entries())), 0, `seed ${seed}, r ${r}`);
    }
    writer.stop();
    written += writer.written;
  }
  t.log({ torn, images, written });
  t.true(torn > 0, 'the workload would not show a torn pair');
  t.true(images > SEEDS, `${images} images of ${SEEDS * 2}`);
});

test('image: watches -> opened at all replicas before the first page is asked for, and ended behind the last round', async (t) => {
  const world = worldOfPairs(1);
  const sent: string[] = [];
  const watched = new Set<number>();
  const onSend = ({ tag, to, words }: Opened) => {
    sent.push(tag === Kind.scan ? 'page' : STEPS[words[Watch.step]]);
    if (tag === Kind.watch) watched.add(words[Watch.id]);
    t.is(to & 0xffff, PARTITION);
  };
  const parts = simParts(world, world.clients[1], onSend);
  t.true((await driven(world, instantImage(parts, PARTITION, order(3), LIMITS))) instanceof PartitionImage);
  world.runFor(10);
  t.deepEqual(sent.slice(0, 4), ['begin', 'begin', 'begin', 'page']);
  t.deepEqual(sent.slice(-6), ['next', 'next', 'next', 'end', 'end', 'end']);
  const outcomes = await Promise.all([0, 1, 2].map((node) => driven(world, askNext(world, node, [...watched][0]))));
  t.deepEqual(outcomes, ['KV_UNAVAILABLE', 'KV_UNAVAILABLE', 'KV_UNAVAILABLE']);
});

const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const STEPS = ['begin', 'next', 'end'];

const askNext = (world: World, node: number, id: number) =>
  askWatch(world, node, [1_024, world.ring.epoch, id, WatchStep.next]);

/** Asks a node what these fields say; the code of the error that it answers with. */
function askWatch(world: World, node: number, fields: readonly number[]): Promise<string | undefined> {
  const fill = (words: Int32Array, _: Buffer, at: number) => words.set(fields, at + Watch.bytesMax);
  return new Promise((resolve) => {
    const onAnswer = (message: MessageView) => resolve(codeOf(message.u32(Changes.outcome)));
    const to = addressOf(Role.vnode, node, PARTITION);
    world.clients[1].ask({ tag: Kind.watch, bytes: Watch.end * 4, fill }, to, onAnswer);
  });
}

/** Has `act` happen when so many messages of this kind have been sent, and every so many again. */
function every(count: number, isCounted: (message: Opened) => boolean, act: (node: number, time: number) => void) {
  let seen = 0;
  return (message: Opened) => {
    if (isCounted(message) && ++seen % count === 0) act(nodeOf(message.to), seen / count);
  };
}

type OnSend = (message: Opened) => void;

function both(one: OnSend, other: OnSend): OnSend {
  return (message) => {
    one(message);
    other(message);
  };
}

const isPage = ({ tag }: Opened) => tag === Kind.scan;
const isNext = ({ tag, words }: Opened) => tag === Kind.watch && words[Watch.step] === WatchStep.next;
const isBegin = ({ tag, words }: Opened) => tag === Kind.watch && words[Watch.step] === WatchStep.begin;

test('image: aborted while a replica does not answer -> KV_ABORTED at once, and the watches are ended once it does', async (t) => {
  const world = worldOfPairs(1);
  const steps: string[] = [];
  const onSend = ({ tag, words }: Opened) => void (tag === Kind.watch && steps.push(STEPS[words[Watch.step]]));
  const controller = new AbortController();
  const aborting = { ...order(3), signal: controller.signal };
  // the world stands still meanwhile
  const making = instantImage(simParts(world, world.clients[1], onSend), PARTITION, aborting, LIMITS);
  await new Promise((resolve) => setImmediate(resolve));
  controller.abort(new Error('enough'));
  const error = await failsWith(t, 'KV_ABORTED', () => Promise.race([making, later(2_000)]));
  t.is((error.cause as Error).message, 'enough');
  t.deepEqual(steps, ['begin', 'begin', 'begin']);
  await driven(
    world,
    until(() => steps.length >= 6),
  );
  t.deepEqual(steps.slice(-3), ['end', 'end', 'end']);
});

test('image: a replica changes before each answer -> too busy, in time', async (t) => {
  const world = worldOfPairs(2);
  let count = 10_000;
  const onSend = every(1, isNext, (node) => putAt(world.nodes[node], key('c', 0), plain('a', count++, 'new')));
  const parts = simParts(world, world.clients[1], onSend);
  const beganMs = performance.now();
  t.is(await driven(world, instantImage(parts, PARTITION, order(2), { ...LIMITS, quietMsMax: 1_000 })), 'too-busy');
  t.true(count > 10_004);
  t.true(performance.now() - beganMs < 20_000);
});

test('image: more changes meanwhile than a replica notes -> too busy', async (t) => {
  const world = worldOfPairs(3);
  const flood = (node: number) => {
    for (let i = 0; i <= WATCHED_KEYS_MAX; i++) putAt(world.nodes[node], key('f', i), plain('a', 10_000 + i, 'x'));
  };
  let flooded = 0;
  const onSend = every(1, isPage, (node) => {
    if (flooded++ === 0) flood(node);
  });
  const parts = simParts(world, world.clients[1], onSend);
  t.is(await driven(world, instantImage(parts, PARTITION, order(2), { ...LIMITS, bytesMax: 2 ** 30 })), 'too-busy');
});

test('image: larger than it may be -> too large; less than R replicas -> unavailable', async (t) => {
  const world = worldOfPairs(4);
  t.is(await imaged(world, 2, { ...LIMITS, bytesMax: 50_000 }), 'too-large');
  world.crash(world.nodes[0]);
  t.is(await imaged(world, 3, { ...LIMITS, attemptsMsMax: 0 }), 'unavailable');
  t.true((await imaged(world, 2)) instanceof PartitionImage);
});

test('image: a node ends while it is read -> begun anew, of another replica', async (t) => {
  const world = worldOfPairs(5);
  const writer = writePairs(world, 0);
  let begun = 0;
  const pages = every(3, isPage, (node, time) => {
    if (time === 1) world.schedule(world.nowMs + 1, () => world.crash(world.nodes[node]));
  });
  const begins = every(1, isBegin, () => begun++);
  const parts = simParts(world, world.clients[1], both(pages, begins));
  const image = await driven(world, instantImage(parts, PARTITION, order(2, 50), LIMITS));
  writer.stop();
  if (!(image instanceof PartitionImage)) return t.fail(image);
  t.true(begun >= 4, `${begun} watches`);
  t.is(tornPairs(t, await collect(image.entries())), 0);
});

test('image: the ring changes while it is read -> begun anew, by the new ring', async (t) => {
  let [images, begun, moved] = [0, 0, 0];
  for (let seed = 1; seed <= 4; seed++) {
    const world = worldOfPairs(seed, 1);
    world.runFor(1_000);
    const writer = writePairs(world, 0);
    const pages = every(2, isPage, (_, time) => {
      if (time === 1) joinSpare(world, nodeIndex(3), 0);
    });
    const begins = every(1, isBegin, () => begun++);
    const parts = simParts(world, world.clients[1], both(pages, begins));
    const { epoch } = world.ring;
    const isOver = () => world.ring.epoch > epoch && isSettled(world);
    for (let round = 0; round < 2_000 && !isOver(); round++) {
      const image = await driven(world, instantImage(parts, PARTITION, order(2), LIMITS));
      if (image instanceof PartitionImage) t.is(tornPairs(t, await collect(image.entries())), 0, `seed ${seed}`);
      images += Number(image instanceof PartitionImage);
      world.runFor(20);
    }
    writer.stop();
    t.true(isOver(), `seed ${seed}`);
    const { changedAt } = world.nodes[0].system.placement;
    const asked = [1_024, changedAt[PARTITION] - 1, 1, WatchStep.begin];
    if (changedAt[PARTITION] > 1) t.is(await driven(world, askWatch(world, 0, asked)), 'KV_STALE_EPOCH');
    moved += Number(changedAt[PARTITION] > 1);
  }
  t.true(moved > 0);
  t.true(images >= 4);
  t.true(begun > 2 * images, `${begun} watches for ${images} images`);
});

test('image: the host hears of another ring before the last round -> begun anew', async (t) => {
  const world = worldOfPairs(7);
  const versions = [1, 2];
  let begun = 0;
  const begins = every(1, isBegin, () => begun++);
  const nexts = every(1, isNext, () => {
    if (versions.length > 1) versions.shift();
  });
  const parts = simParts(world, world.clients[1], both(begins, nexts));
  const { nodes } = parts.ring.readList(PARTITION);
  const ring = {
    epoch: parts.ring.epoch,
    get version() {
      return versions[0];
    },
    readList: () => ({ nodes, version: versions[0] }),
  };
  const image = await driven(world, instantImage({ ...parts, ring }, PARTITION, order(2), LIMITS));
  t.true(image instanceof PartitionImage);
  t.is(begun, 4);
});

test('image: keys that are deleted, and forgotten by all, meanwhile -> not in it, and what is written anew is', async (t) => {
  const world = new World({ seed: 6, nodes: 3, n: 3, partitions: 2, clients: 3, collectionMs: 100 });
  const names = Array.from({ length: 20 }, (_, index) => key('d', index));
  for (const node of world.nodes) {
    for (const [index, name] of names.entries()) putAt(node, name, plain('a', index + 1, '', { tombstone: true }));
  }
  const gone = () => world.nodes.every((node) => [...node.store.keys].length === 0);
  let forgotten = false;
  // once the pages are read, the next round waits until all is forgotten; one key is written anew
  const onSend = every(1, isNext, () => {
    if (forgotten) return;
    forgotten = world.runUntil(gone, 60_000);
    for (const node of world.nodes) putAt(node, names[7], plain('b', 1, 'anew'));
  });
  const parts = simParts(world, world.clients[1], onSend);
  const image = await driven(world, instantImage(parts, PARTITION, order(2, 600_000), LIMITS));
  t.true(forgotten);
  if (!(image instanceof PartitionImage)) return t.fail(image);
  const entries = await collect(image.entries());
  t.deepEqual(
    entries.map(({ key: name, set }) => [name.toString(), set.siblings.length, set.siblings[0].tombstone]),
    [[names[7], 1, false]],
  );
});
