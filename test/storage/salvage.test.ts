/** Damaged logs: what is intact of them is kept, whatever was hit. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { replicaId } from '../../src/core/ids.js';
import { Flag } from '../../src/protocol/record.js';
import { BaseTable } from '../../src/storage/base-table.js';
import { BLOCK_HEADER_BYTES, SEGMENT_HEADER_BYTES, sealBlock, segmentName } from '../../src/storage/log-block.js';
import { realFiles } from '../../src/storage/log-files.js';
import { type Block, blocksOf, change, flip } from './log-bytes.js';
import { MiB, StorageNode, testFolder } from './node-fixture.js';
import { fillRecord, find, keyOf } from './records.js';
import { ALL, key, PER_TURN, salvaged, TURNS, turnsHeld, without, written } from './salvage-case.js';

test('salvage: a block in the middle is damaged -> all others are kept, told, and on disk', async (t) => {
  const node = await written(t);
  const blocks = blocksOf(node.logFolder);
  const { path, at, bytes } = blocks[4];
  flip(path, at + 60);
  const damagedBytes = readFileSync(path);
  await t.throwsAsync(node.reopen(t), { code: 'KV_CORRUPT', message: /damaged at byte \d+, before its end$/ });
  const one = await salvaged(t, node, (after) => {
    t.deepEqual(turnsHeld(after), without(4));
    t.is(after.engine.nextCounter, TURNS * PER_TURN + 1);
  });
  t.is(Number(one.engine.clock), TURNS * PER_TURN);
  const keptAs = join(node.damagedFolder, basename(path));
  t.deepEqual(one.report, {
    records: (TURNS - 1) * PER_TURN,
    segments: 1,
    damages: [{ segment: path, offset: at, bytes, lost: PER_TURN, salvaged: (TURNS - 1) * PER_TURN, keptAs }],
  });
  t.deepEqual(readFileSync(keptAs), damagedBytes);
  // the log had begun anew
  t.false(readdirSync(node.logFolder).includes(segmentName(1)));
});

test('salvage: any byte of any segment is flipped, or two -> only what stood there is missing', async (t) => {
  const node = await written(t, { segmentBytes: 900 });
  const blocks = blocksOf(node.logFolder);
  const logs = new Map([...new Set(blocks.map(({ path }) => path))].map((path) => [path, readFileSync(path)]));
  t.true(logs.size >= 3, `${logs.size} segments`);
  // a block's first word is for the arena alone
  const places = blocks.flatMap(({ path, at, bytes, turn }) =>
    Array.from({ length: bytes - 4 }, (_, i) => ({ path, at: at + 4 + i, turn })),
  );
  const heads = [...logs.keys()].flatMap((path) =>
    Array.from({ length: SEGMENT_HEADER_BYTES }, (_, at) => ({ path, at, turn: -1 })),
  );
  const place = fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...places) },
    { weight: 1, arbitrary: fc.constantFrom(...heads) },
  );
  const flips = fc.array(fc.record({ place, bit: fc.nat(7) }), { minLength: 1, maxLength: 2 });
  await fc.assert(
    fc.asyncProperty(flips, async (chosen) => {
      const closers: (() => unknown)[] = [];
      const scope = { teardown: (close: () => unknown) => void closers.push(close) };
      const folder = testFolder(scope);
      const fresh = await StorageNode.open(scope, folder);
      await fresh.close();
      realFiles.remove(join(fresh.logFolder, segmentName(1)));
      for (const [path, log] of logs) writeFileSync(join(fresh.logFolder, basename(path)), log);
      for (const { place, bit } of chosen) flip(join(fresh.logFolder, basename(place.path)), place.at, bit);
      const after = await fresh.reopen(scope, { salvage: true });
      const isSame = chosen.length === 2 && chosen[0].place === chosen[1].place && chosen[0].bit === chosen[1].bit;
      const lost = isSame ? [] : chosen.map(({ place }) => place.turn);
      t.deepEqual(turnsHeld(after), without(...lost));
      const files = new Set(isSame ? [] : chosen.map(({ place }) => basename(place.path)));
      const damages = after.report.damages ?? [];
      t.deepEqual(
        damages.map(({ segment }) => basename(segment)),
        [...files].sort(),
      );
      for (const close of closers.reverse()) await close();
    }),
    { numRuns: 100 },
  );
});

test('salvage: zeros over a block, the end of an earlier segment gone, a later one damaged -> each is told', async (t) => {
  const node = await written(t, { segmentBytes: 900 });
  const blocks = blocksOf(node.logFolder);
  const segments = [...new Set(blocks.map(({ path }) => path))];
  const inSegment = (index: number) => blocks.filter(({ path }) => path === segments[index]);
  const [, zeroed] = inSegment(0);
  change(zeroed.path, (log) => log.fill(0, zeroed.at, zeroed.at + zeroed.bytes));
  const gone = inSegment(1).at(-1) as Block;
  change(gone.path, (log) => Buffer.concat([log.subarray(0, gone.at), Buffer.alloc(8_192)]));
  const [flipped] = inSegment(2);
  flip(flipped.path, flipped.at + 9);
  const one = await salvaged(t, node, (after) => {
    t.deepEqual(turnsHeld(after), without(zeroed.turn, gone.turn, flipped.turn));
  });
  t.deepEqual(
    one.report.damages?.map(({ segment, offset, bytes, lost }) => [segment, offset, bytes, lost]),
    [
      [zeroed.path, zeroed.at, zeroed.bytes, PER_TURN],
      [gone.path, gone.at, 0, PER_TURN],
      [flipped.path, flipped.at, flipped.bytes, PER_TURN],
    ],
  );
});

/** Every key twice, the second time flushed, in one segment; and one key a third time. Where the second versions stand. */
async function flushedTwice(t: ExecutionContext): Promise<{ node: StorageNode; second: Block }> {
  const node = await StorageNode.open(t, testFolder(t));
  for (const version of ['old', 'new']) {
    for (let i = 0; i < 6; i++) node.put(key(i), version);
    node.put(key(50), version, version === 'new' ? Flag.tombstone : 0);
    node.endTurn();
  }
  await node.flush();
  node.put(key(5), 'newest');
  node.endTurn();
  await node.crash();
  return { node, second: blocksOf(node.logFolder)[1] };
}

test('salvage: the base table has a newer version than what is left of the log -> it stays; a later one comes over it', async (t) => {
  const { node, second } = await flushedTwice(t);
  flip(second.path, second.at + 100);
  await salvaged(t, node, (after) => {
    for (let i = 0; i < 5; i++) t.is(after.text(key(i)), 'new');
    t.is(after.text(key(5)), 'newest');
    // the dead stay dead
    t.is(after.text(key(50)), undefined);
  });
});

test('salvage: the base table’s newer version is damaged -> the log’s older one takes its place, for others to replace', async (t) => {
  const { node, second } = await flushedTwice(t);
  flip(second.path, second.at + 100);
  change(join(node.folder, 'base', 'data.mdb'), (bytes) => {
    for (let at = bytes.indexOf('new'); at >= 0; at = bytes.indexOf('new', at + 1)) bytes.write('NEW', at);
    return undefined;
  });
  await salvaged(t, node, (after) => {
    for (let i = 0; i < 5; i++) t.is(after.text(key(i)), 'old');
    t.is(after.text(key(5)), 'newest');
  });
});

test('salvage: of a log that went on behind a salvage, with a key forgotten in it -> the same again', async (t) => {
  const { node, second } = await flushedTwice(t);
  flip(second.path, second.at + 100);
  const again = await node.reopen(t, { salvage: true });
  again.engine.beginHandler();
  again.engine.forget(find(again.engine, key(3)));
  again.put(key(60), 'behind');
  again.endTurn();
  again.put(key(61), 'lost');
  again.endTurn();
  again.put(key(62), 'last');
  again.endTurn();
  await again.crash();
  const lost = blocksOf(again.logFolder).at(-2) as Block;
  flip(lost.path, lost.at + 70);
  await salvaged(t, again, (after) => {
    t.is(after.text(key(3)), undefined);
    t.is(after.text(key(4)), 'new');
    t.is(after.text(key(60)), 'behind');
    t.is(after.text(key(61)), undefined);
    t.is(after.text(key(62)), 'last');
  });
});

test('recovery: a log larger than memory that is damaged near its end -> KV_CORRUPT, and the base table is as it was', async (t) => {
  const options = { memoryBytes: 32 * MiB };
  const node = await StorageNode.open(t, testFolder(t), options);
  for (let i = 0; i < 4_000; i++) {
    node.put(key(i), `${i}`.padEnd(700, '.'));
    if (i % 200 === 199) node.endTurn();
  }
  await node.crash();
  const lost = blocksOf(node.logFolder).at(-2) as Block;
  flip(lost.path, lost.at + 1_000);
  await t.throwsAsync(node.reopen(t, { memoryBytes: MiB }), { code: 'KV_CORRUPT' });
  const base = BaseTable.open({ path: join(node.folder, 'base'), mapBytesMax: 1024 * MiB, compression: false });
  t.is(base.entryCount, 0);
  await base.close();
  const after = await node.reopen(t, { memoryBytes: MiB, salvage: true });
  // nothing of what is missing, and all else, though the log is larger than memory
  t.is(after.engine.base.entryCount, 3_800);
  t.is(after.report.damages?.[0].lost, 200);
  for (let i = 0; i < 4_000; i++) {
    if (i % 500 === 0) await after.settle();
    t.is(after.text(key(i)), i >= 3_600 && i < 3_800 ? undefined : `${i}`.padEnd(700, '.'));
  }
});

/** The bytes of a block with one record of key 70, numbered like this. */
function forged(firstSequence: number): Buffer {
  const words = new Int32Array(64);
  const bytes = Buffer.from(words.buffer);
  const at = BLOCK_HEADER_BYTES / 4;
  fillRecord(words, bytes, at, key(70), Buffer.from('forged'));
  const size = BLOCK_HEADER_BYTES + (words[at] & 0xff_ff_ff);
  sealBlock(words, bytes, 0, { bytes: size, firstSequence, records: 1, syncedSequence: 0 }, 1);
  return Buffer.from(bytes.subarray(0, size));
}

test('salvage: a value holds the bytes of a block -> it is not taken for one, where its number or the header around it says so', async (t) => {
  for (const [number, hit] of [
    [500, 'magic'],
    [1, 'magic'],
    [5, 'body'],
  ] as const) {
    const node = await StorageNode.open(t, testFolder(t));
    for (let i = 0; i < 4; i++) node.put(key(i), `value-${i}`);
    node.endTurn();
    // padded, so that the bytes stand where a block can
    node.put(keyOf('a-key-12'), Buffer.concat([forged(number), Buffer.alloc(64)]));
    node.endTurn();
    node.put(key(5), 'behind');
    node.endTurn();
    await node.crash();
    const [, holder] = blocksOf(node.logFolder);
    t.is(readFileSync(holder.path).indexOf(forged(number)) % 8, 0, 'it is aligned as a block is');
    flip(holder.path, hit === 'magic' ? holder.at + 4 : holder.at + holder.bytes - 4);
    const one = await salvaged(t, node, (after) => {
      t.is(after.text(key(70)), undefined, `${number} ${hit}`);
      t.is(after.text(key(3)), 'value-3');
      t.is(after.text(key(5)), 'behind');
    });
    t.is(one.report.damages?.[0].lost, 1);
  }
});

test('salvage: a log without damage, with a torn end, and an empty one -> what they hold', async (t) => {
  const whole = await written(t);
  const one = await salvaged(t, whole, (after) => t.deepEqual(turnsHeld(after), ALL));
  t.deepEqual(one.report.damages, []);
  const torn = await written(t);
  const last = blocksOf(torn.logFolder).at(-1) as Block;
  change(last.path, (log) => log.subarray(0, last.at + 50));
  const two = await salvaged(t, torn, (after) => t.deepEqual(turnsHeld(after), without(TURNS - 1)));
  t.is(two.report.damages?.[0].bytes, 50);
  const empty = await StorageNode.open(t, testFolder(t));
  await empty.close();
  const three = await salvaged(t, empty, (after) => t.is(after.engine.nextCounter, 1));
  t.deepEqual(three.report.damages, []);
  t.is(three.engine.replica, replicaId(7));
});
