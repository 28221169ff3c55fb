/**
 * Bits of a log that have flipped, and files of another length: what is read is exact, or the damage is noticed. Noticed it
 * is as damage, or by the end of the log, where that is below what was seen of it (src/host/sequence-witness.ts).
 */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { StoreError } from '../../src/core/errors.js';
import { BLOCK_HEADER_BYTES, SEGMENT_HEADER_BYTES, segmentHeader, segmentName } from '../../src/storage/log-block.js';
import { isSalvageable } from '../../src/storage/log-damage.js';
import { type LogFiles, realFiles } from '../../src/storage/log-files.js';
import { LogWalk } from '../../src/storage/log-walk.js';
import { LogWindow } from '../../src/storage/log-window.js';
import { type Block, blocksOf } from './log-bytes.js';
import { PER_TURN, TURNS, written } from './salvage-case.js';

/** Segments by name. */
type Log = ReadonlyMap<string, Buffer>;

interface Layout {
  readonly log: Log;
  /** Where its blocks stand, by segment. */
  readonly blocks: readonly Block[];
  /** Everything below was seen on disk before. */
  readonly seen: number;
}

interface Read {
  readonly blocks: readonly string[];
  readonly next: number;
}

const RESERVED_BYTES = 4_096;
const RECORD_WORDS_BYTES = 40;
const CHUNK_BYTES = 4_096;
const NEXT = TURNS * PER_TURN + 1;

/** A log in memory that is only read, and cut. */
function filesOf(log: Log): LogFiles {
  const open: Buffer[] = [];
  return {
    ...realFiles,
    openRead: (path) => open.push(log.get(basename(path)) as Buffer) - 1,
    read: (fd, bytes, start, length, offset) => open[fd].copy(bytes, start, offset, offset + length),
    size: (fd) => open[fd].length,
    close: () => undefined,
    truncate: () => undefined,
    remove: () => undefined,
    list: () => [...log.keys()],
  };
}

/** What a recovery reads, or 'damage'. */
async function readLog(log: Log, afterPowerLoss = false): Promise<Read | 'damage'> {
  const files = filesOf(log);
  const window = new LogWindow(files, CHUNK_BYTES);
  const blocks: string[] = [];
  const onBlock = async (at: number, { bytes }: { readonly bytes: number }) => {
    const start = at * 4 + BLOCK_HEADER_BYTES;
    blocks.push(window.bytes.latin1Slice(start, at * 4 + bytes));
  };
  const walk = new LogWalk(window, { directory: '', files, afterPowerLoss, onBlock });
  try {
    await walk.run();
  } catch (error) {
    if (error instanceof StoreError && isSalvageable(error)) return 'damage';
    throw error;
  }
  return { blocks, next: walk.nextSequence };
}

const verdicts = { exact: 0, damage: 0, short: 0 };

/** Says what is wrong where something is. */
async function judge({ log, seen }: Layout, changed: Log): Promise<string | undefined> {
  const whole = (await readLog(log)) as Read;
  const read = await readLog(changed).catch((error: unknown) => String(error));
  if (read === 'damage') verdicts.damage++;
  else if (typeof read === 'string') return read;
  else if (read.next === whole.next && read.blocks.join() === whole.blocks.join()) verdicts.exact++;
  else if (read.next < seen && isBeginning(read, whole)) verdicts.short++;
  else return `${read.blocks.length} blocks up to ${read.next}, not ${whole.blocks.length} up to ${whole.next}`;
  // the node is in doubt then, under another incarnation, but nothing that was never written may be there
  const lossy = await readLog(changed, true).catch((error: unknown) => String(error));
  if (lossy === 'damage' || (typeof lossy !== 'string' && isBeginning(lossy, whole))) return undefined;
  return `after a power loss: ${JSON.stringify(lossy)}`;
}

const isBeginning = ({ blocks }: Read, whole: Read): boolean =>
  blocks.every((block, index) => block === whole.blocks[index]);

function withSegment(log: Log, name: string, change: (bytes: Buffer) => Buffer): Log {
  return new Map([...log].map(([other, bytes]) => [other, other === name ? change(Buffer.from(bytes)) : bytes]));
}

const flipped = (log: Log, name: string, at: number, bit: number): Log =>
  withSegment(log, name, (bytes) => {
    bytes[at] ^= 1 << bit;
    return bytes;
  });

/** Twelve turns in several segments: closed, or as a crash leaves them, behind the last turn that was seen on disk. */
async function layout(t: ExecutionContext, end: 'closed' | 'crashed'): Promise<Layout> {
  const node = await written(t, { segmentBytes: 900 });
  const found = blocksOf(node.logFolder);
  const log = new Map([...new Set(found.map(({ path }) => path))].map((path) => [basename(path), readFileSync(path)]));
  t.true(log.size >= 3, `${log.size} segments`);
  const blocks = found.map((block) => ({ ...block, path: basename(block.path) }));
  if (end === 'closed') return { log, blocks, seen: NEXT };
  const reserved = Buffer.alloc(RESERVED_BYTES);
  const last = [...log.keys()].at(-1) as string;
  return { log: withSegment(log, last, (bytes) => Buffer.concat([bytes, reserved])), blocks, seen: NEXT - PER_TURN };
}

/** A log without a block, of which all was flushed and dropped. */
function emptyLayout(): Layout {
  const bytes = Buffer.concat([segmentHeader(5, NEXT), Buffer.alloc(RESERVED_BYTES)]);
  return { log: new Map([[segmentName(5), bytes]]), blocks: [], seen: NEXT };
}

/** Headers as older versions wrote them. */
const withBareHeaders = ({ log, ...rest }: Layout): Layout => ({
  ...rest,
  log: new Map([...log].map(([name, bytes]) => [name, Buffer.from(bytes).fill(0, 24, SEGMENT_HEADER_BYTES)])),
});

async function flipAll(t: ExecutionContext, layout: Layout, name: string, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at++) {
    for (let bit = 0; bit < 8; bit++) {
      t.is(await judge(layout, flipped(layout.log, name, at, bit)), undefined, `${name}, byte ${at}, bit ${bit}`);
    }
  }
}

for (const end of ['closed', 'crashed'] as const) {
  test(`a log as it was ${end}: any bit of a segment’s header is flipped -> exact, or noticed`, async (t) => {
    const one = await layout(t, end);
    for (const name of one.log.keys()) await flipAll(t, one, name, 0, SEGMENT_HEADER_BYTES);
  });

  test(`a log of an older version as it was ${end}: any bit of a segment’s header is flipped -> exact, or noticed`, async (t) => {
    const one = withBareHeaders(await layout(t, end));
    for (const name of one.log.keys()) await flipAll(t, one, name, 0, SEGMENT_HEADER_BYTES);
  });

  test(`a log as it was ${end}: any bit of the headers of blocks and records, and of the last bytes, is flipped -> exact, or noticed`, async (t) => {
    const one = await layout(t, end);
    const { blocks } = one;
    const [first] = blocks.filter(({ path }) => path !== blocks[0].path);
    for (const { path, at, bytes } of [blocks[0], blocks[1], first, blocks.at(-1) as Block]) {
      await flipAll(t, one, path, at, at + BLOCK_HEADER_BYTES + RECORD_WORDS_BYTES);
      await flipAll(t, one, path, at + bytes - 16, at + bytes);
    }
  });
}

test('a log: a bit is flipped in what is reserved ahead -> exact', async (t) => {
  const one = await layout(t, 'crashed');
  const { path, at, bytes } = one.blocks.at(-1) as Block;
  await flipAll(t, one, path, at + bytes, at + bytes + 64);
  const whole = await readLog(one.log);
  for (let byte = 0; byte < 64; byte++) t.deepEqual(await readLog(flipped(one.log, path, at + bytes + byte, 3)), whole);
});

test('a log without blocks: any bit of its header is flipped -> noticed, for it alone tells the next number', async (t) => {
  await flipAll(t, emptyLayout(), segmentName(5), 0, SEGMENT_HEADER_BYTES);
  for (let at = 0; at < SEGMENT_HEADER_BYTES; at++) {
    t.is(await readLog(flipped(emptyLayout().log, segmentName(5), at, 3)), 'damage', `byte ${at}`);
  }
});

for (const end of ['closed', 'crashed'] as const) {
  test(`a log as it was ${end}: a segment is shorter, or longer -> exact, or noticed`, async (t) => {
    // of a crashed one whose file ends within its last block, or ahead of it, nothing tells that the block was whole: it is cut
    const one = { ...(await layout(t, end)), seen: NEXT };
    for (const [name, bytes] of one.log) {
      for (let length = 0; length < Math.min(bytes.length, 1_200); length++) {
        const changed = withSegment(one.log, name, (whole) => whole.subarray(0, length));
        t.is(await judge(one, changed), undefined, `${name} of ${length} bytes`);
      }
      for (const more of [1, 7, 8, 4_096]) {
        for (const filling of [0, 0xff]) {
          const changed = withSegment(one.log, name, (whole) => Buffer.concat([whole, Buffer.alloc(more, filling)]));
          t.is(await judge(one, changed), undefined, `${name} with ${more} bytes more`);
        }
      }
    }
  });
}

test.after('flipped bits: of all that was tried -> each verdict was reached', (t) => {
  t.log(verdicts);
  for (const count of Object.values(verdicts)) t.true(count > 0);
});
