/** Images that take more than the memory they may have: their pages are in files, and they show the same. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { nodeOf } from '../../src/actor/address.js';
import { instantImage } from '../../src/client/instant-image.js';
import { PartitionImage } from '../../src/client/partition-image.js';
import type { Entry } from '../../src/client/scan.js';
import { Kind } from '../../src/protocol/messages.js';
import { plain } from '../actors/sets.js';
import { putAt } from '../sim/replicas.js';
import { key, PARTITION, tornPairs, worldOfPairs, writePairs } from './image-world.js';
import { driven, type Opened, order, simParts } from './sim-parts.js';
import { collect, makeFolder } from './store-fixture.js';

/** Less than one replica holds; half of it and a page of each replica are within it, however slow the disk is. */
const LIMITS = { bytesMax: 250_000, quietMsMax: 1_000, attemptsMsMax: 60_000 };

const shown = (entries: readonly Entry[]) =>
  entries.map(({ key: name, set }) => [
    name.toString(),
    set.siblings.map(({ value }) => Buffer.from(value).toString()),
  ]);

test('spilled image: more than memory may hold -> the same as in memory, and nothing left in the folder; too large without one', async (t) => {
  const folder = makeFolder(t);
  const world = worldOfPairs(1);
  // one replica alone has this, and one has a newer version
  putAt(world.nodes[0], key('only', 0), plain('b', 1, 'only here'));
  putAt(world.nodes[1], key('aa', 50), plain('a', 9_999, 'newer'));
  const imaged = async (limits: Parameters<typeof instantImage>[3]) =>
    driven(world, instantImage(simParts(world, world.clients[1]), PARTITION, order(3), limits));
  t.is(await imaged(LIMITS), 'too-large');
  t.is(await imaged({ ...LIMITS, folder: join(folder, 'none') }), 'no-room');
  const [spilled, kept] = [await imaged({ ...LIMITS, folder }), await imaged({ ...LIMITS, bytesMax: 2 ** 30 })];
  if (!(spilled instanceof PartitionImage) || !(kept instanceof PartitionImage)) return t.fail(`${spilled} ${kept}`);
  t.true(spilled.bytes <= LIMITS.bytesMax && kept.bytes > 900_000, `${spilled.bytes} and ${kept.bytes} bytes`);
  t.deepEqual(readdirSync(folder), []);
  const [one, other] = [shown(await collect(spilled.entries())), shown(await collect(kept.entries()))];
  t.is(one.length, 109);
  t.deepEqual(one, other);
  t.deepEqual(one.find(([name]) => name === key('aa', 50))?.[1], ['newer']);
});

test('spilled image: pairs written one after the other meanwhile -> no torn pair', async (t) => {
  const folder = makeFolder(t);
  let [images, written] = [0, 0];
  for (let seed = 1; seed <= 8; seed++) {
    const world = worldOfPairs(seed);
    const writer = writePairs(world, 0);
    const parts = simParts(world, world.clients[1]);
    const image = await driven(world, instantImage(parts, PARTITION, order(2), { ...LIMITS, folder }));
    writer.stop();
    written += writer.written;
    if (!(image instanceof PartitionImage)) continue;
    images++;
    t.true(image.bytes <= LIMITS.bytesMax);
    t.is(tornPairs(t, await collect(image.entries())), 0, `seed ${seed}`);
  }
  t.true(images > 4 && written > 0, `${images} images, ${written} pairs`);
});

test('spilled image: what changes before and behind its page -> as it was told last, whether there or gone', async (t) => {
  const world = worldOfPairs(3);
  const [node] = world.nodes;
  let pages = 0;
  const onSend = ({ tag, to }: Opened) => {
    if (tag !== Kind.scan || nodeOf(to) !== 0) return;
    pages++;
    // behind what was read: it changes, and a new one comes; before it: one changes that the next page has too
    if (pages !== 8) return;
    putAt(node, key('aa', 0), plain('a', 50_000, 'changed behind'));
    putAt(node, key('a', 99), plain('a', 50_001, 'new behind'));
    putAt(node, key('aa', 99), plain('a', 50_002, 'changed before'));
  };
  const parts = simParts(world, world.clients[1], onSend);
  const image = await driven(world, instantImage(parts, PARTITION, order(3), { ...LIMITS, folder: makeFolder(t) }));
  if (!(image instanceof PartitionImage)) return t.fail(image);
  const values = new Map(shown(await collect(image.entries())) as [string, string[]][]);
  t.deepEqual(values.get(key('aa', 0)), ['changed behind']);
  t.deepEqual(values.get(key('a', 99)), ['new behind']);
  t.deepEqual(values.get(key('aa', 99)), ['changed before']);
});
