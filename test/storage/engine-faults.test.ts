import { join } from 'node:path';
import { setImmediate as eventTurn } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { open } from 'lmdb';
import { partitionId } from '../../src/core/ids.js';
import { FaultyFiles } from './faulty-files.js';
import { StorageNode, testFolder } from './node-fixture.js';
import { find, keyOf } from './records.js';

const key = (i: number) => keyOf(`key-${i}`);
/** One whose record takes half a kilobyte though it has no value. */
const longKey = (i: number) => keyOf(`${i}:`.padEnd(500, 'k'));

async function faulty(t: ExecutionContext, options = {}): Promise<{ node: StorageNode; files: FaultyFiles }> {
  const files = new FaultyFiles();
  return { node: await StorageNode.open(t, testFolder(t), { files, ...options }), files };
}

test('engine: a log write that fails at any turn -> that turn is not published, all before it survive', async (t) => {
  for (const [code, error] of [
    ['EIO', 'KV_STORAGE_FAILED'],
    ['ENOSPC', 'KV_STORAGE_FULL'],
  ]) {
    for (let turns = 0; turns < 4; turns++) {
      const { node, files } = await faulty(t);
      for (let i = 0; i < turns; i++) {
        node.put(key(i), `value-${i}`);
        node.endTurn();
      }
      node.put(key(0), 'unwritten');
      const { published } = node.engine.arena;
      files.writeFails = code;
      t.throws(() => node.endTurn(), { code: error });
      t.is(node.engine.arena.published, published);
      const next = await node.reopen(t, { files: new FaultyFiles() });
      t.true(turns === 0 || next.report.cut !== undefined);
      for (let i = 0; i < turns; i++) t.is(next.text(key(i)), `value-${i}`);
      if (turns === 0) t.is(next.text(key(0)), undefined);
    }
  }
});

test('engine: a sync that was asked for -> done before the turn is published; one that fails -> ends the node', async (t) => {
  const { node, files } = await faulty(t);
  const { length } = files.synced;
  node.put(key(1), 'one');
  node.engine.requireSync();
  node.endTurn();
  t.is(files.synced.length, length + 1);
  node.put(key(1), 'two');
  node.endTurn();
  t.is(files.synced.length, length + 1, 'only the turn that asks is synced');
  files.syncFails = 'EIO';
  node.put(key(1), 'three');
  node.engine.requireSync();
  const { published } = node.engine.arena;
  t.throws(() => node.endTurn(), { code: 'KV_STORAGE_FAILED' });
  t.is(node.engine.arena.published, published);
});

test('engine: a background sync that fails -> no later turn is acknowledged, not even by a sync that succeeds', async (t) => {
  const { node, files } = await faulty(t, { syncIntervalMs: 10 });
  files.laterFails = 'EIO';
  node.put(key(1), 'one');
  node.endTurn();
  node.endTurn(20);
  t.true(node.maintenance.busy);
  await eventTurn();
  await eventTurn();
  t.false(node.maintenance.busy);
  node.put(key(1), 'two');
  node.engine.requireSync();
  t.throws(() => node.engine.commit(), { code: 'KV_STORAGE_FAILED' });
  t.throws(() => node.maintenance.run(50), { code: 'KV_STORAGE_FAILED' });
});

test('engine: a sync asked for while retired segments are synced in the background -> covers them too', async (t) => {
  const { node, files } = await faulty(t, { syncIntervalMs: 10, segmentBytes: 1_000 });
  files.held = [];
  for (let i = 0; i < 3; i++) {
    node.put(key(i), 'v'.repeat(1_200));
    node.endTurn(20);
  }
  t.true(node.maintenance.busy);
  files.synced.length = 0;
  node.put(key(4), 'now');
  node.engine.requireSync();
  node.endTurn();
  t.true(new Set(files.synced).size >= 2);
  files.finishSyncs();
  while (node.maintenance.busy) await eventTurn();
  await node.close();
  t.is(files.opened.size, 0, 'every file is closed');
});

test('maintenance: a full disk when a segment begins -> read-only, no file leaks, and writable again by itself', async (t) => {
  const { node, files } = await faulty(t, { segmentBytes: 1_000 });
  node.put(key(1), 'v'.repeat(1_200));
  const open = files.opened.size;
  node.engine.commit();
  node.engine.publish();
  files.writeFails = 'ENOSPC';
  for (let i = 0; i < 20; i++) node.maintenance.run((i + 1) * 500);
  t.is(files.opened.size, open);
  t.is(node.maintenance.readOnly?.code, 'KV_STORAGE_FULL');
  t.deepEqual(
    node.errors.map(({ code }) => code),
    ['KV_STORAGE_FULL'],
    'told once',
  );
  t.false(node.put(key(2), 'refused'));
  t.is(node.text(key(1)), 'v'.repeat(1_200), 'reads go on');
  files.writeFails = undefined;
  node.maintenance.run(12_000);
  t.is(node.maintenance.readOnly, undefined);
  t.true(node.put(key(2), 'taken'));
  node.nowMs = 12_000;
  node.endTurn();
  const next = await node.reopen(t, { files: new FaultyFiles() });
  t.is(next.text(key(2)), 'taken');
});

test('maintenance: a full disk, and keys that the node goes on to forget -> no more than the reserved room takes, it lives on', async (t) => {
  const { node, files } = await faulty(t, { memoryBytes: 16 * 1024 * 1024 });
  const { engine } = node;
  const keys = 12_000;
  for (let i = 0; i < keys; i++) {
    if (i % 100 === 0) node.endTurn();
    node.put(longKey(i), 'v');
  }
  node.endTurn();
  files.isFull = true;
  let forgotten = 0;
  for (let i = 0; i < keys; i++) {
    if (i % 100 === 0) node.endTurn();
    engine.beginHandler();
    if (engine.forget(find(engine, longKey(i)))) forgotten++;
  }
  node.endTurn();
  t.is(node.maintenance.readOnly?.code, 'KV_STORAGE_FULL');
  t.true(forgotten > 1_000 && forgotten < keys, `${forgotten} forgotten`);
  t.is(node.text(longKey(0)), undefined);
  t.is(node.text(longKey(keys - 1)), 'v', 'it stays until there is room');
  files.isFull = false;
  node.endTurn(2_000);
  engine.beginHandler();
  t.true(engine.forget(find(engine, longKey(keys - 1))));
  node.endTurn();
  const next = await node.reopen(t, { files: new FaultyFiles() });
  t.is(next.text(longKey(keys - 1)), undefined);
  t.is(next.text(longKey(keys - 2)), 'v');
});

test('flush: log segments that cannot be removed -> none newer goes either, and the next flush tries again', async (t) => {
  const { node, files } = await faulty(t, { segmentBytes: 1_000 });
  for (let i = 0; i < 5; i++) {
    node.put(key(0), `${i}`.repeat(1_200));
    node.endTurn();
  }
  files.removeFails = 'EIO';
  const before = node.engine.log.bytes;
  const { flusher, log } = node.engine;
  await flusher.flush(log);
  flusher.dropSynced(log);
  t.is(log.bytes, before, 'what follows the flushed records is not synced yet');
  log.sync();
  t.throws(() => flusher.dropSynced(log), { code: 'EIO' });
  t.is(log.bytes, before);
  files.removeFails = undefined;
  flusher.dropSynced(log);
  t.true(node.engine.log.bytes < before);
  const next = await node.reopen(t, { files: new FaultyFiles() });
  t.is(next.text(key(0)), '4'.repeat(1_200));
});

test('engine: random turns, faults and lives -> nothing acknowledged is lost, no refused value shows', async (t) => {
  const step = fc.record({
    key: fc.nat(40),
    bytes: fc.nat(2_000),
    action: fc.constantFrom(
      'write',
      'write',
      'write',
      'turn',
      'turn',
      'flush',
      'crash',
      'close',
      'EIO',
      'ENOSPC',
      'sync',
    ),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 30, maxLength: 80, size: 'max' }), async (steps) => {
      const life = new Life(t);
      await life.begin();
      for (const { key: which, bytes, action } of steps) await life.step(action, which, bytes);
      await life.check();
    }),
    { numRuns: 8 },
  );
  t.pass();
});

/** A node through its lives beside what was acknowledged, and what may have survived though it was not. */
class Life {
  readonly #t: ExecutionContext;
  #files = new FaultyFiles();
  #node!: StorageNode;
  readonly #acknowledged = new Map<number, string>();
  #turn = new Map<number, string>();
  #stamp = 0;

  constructor(t: ExecutionContext) {
    this.#t = t;
  }

  async begin(): Promise<void> {
    this.#node = await StorageNode.open(this.#t, testFolder(this.#t), { files: this.#files, segmentBytes: 16_384 });
  }

  async step(action: string, which: number, bytes: number): Promise<void> {
    const node = this.#node;
    if (action === 'write') {
      const text = `${++this.#stamp}:`.padEnd(bytes, 'x');
      if (node.put(key(which), text)) this.#turn.set(which, text);
      return;
    }
    if (action === 'EIO' || action === 'ENOSPC') await this.#failTurn(action);
    else {
      if (action === 'sync') node.engine.requireSync();
      node.endTurn();
      this.#acknowledge();
      if (action === 'flush') await node.flush();
      if (action === 'close') await node.close();
      if (action === 'close' || action === 'crash') await this.#next();
    }
  }

  async #failTurn(code: string): Promise<void> {
    const wrote = this.#turn.size > 0;
    this.#files.writeFails = code;
    try {
      this.#node.endTurn();
    } catch {
      // the node ends
    }
    if (!wrote) this.#acknowledge();
    this.#turn.clear();
    await this.#next();
  }

  #acknowledge(): void {
    for (const [which, text] of this.#turn) this.#acknowledged.set(which, text);
    this.#turn.clear();
  }

  async #next(): Promise<void> {
    this.#files = new FaultyFiles();
    this.#node = await this.#node.reopen(this.#t, { files: this.#files });
    await this.check();
  }

  async check(): Promise<void> {
    for (let which = 0; which <= 40; which++) {
      const wanted = this.#turn.get(which) ?? this.#acknowledged.get(which);
      const found = this.#node.text(key(which));
      if (found !== wanted) throw new Error(`key ${which} is ${found?.slice(0, 9)}, not ${wanted?.slice(0, 9)}`);
    }
  }
}

test('engine: a record of the base table that was damaged -> KV_CORRUPT for its key and its page, others are served', async (t) => {
  let node = await StorageNode.open(t, testFolder(t));
  node.put(key(1), 'one');
  node.put(key(2), 'two');
  node.endTurn();
  node = await node.reopen(t);
  await node.flush();
  await node.close();
  const path = join(node.folder, 'base');
  const raw = open<Buffer, Uint8Array>({ path, noSubdir: false, encoding: 'binary', keyEncoding: 'binary' });
  for (const { key: full, value } of raw.getRange({})) {
    if (!Buffer.from(full).toString().endsWith('key-1')) continue;
    const bytes = Buffer.from(value);
    bytes[20] ^= 1;
    await raw.put(Buffer.from(full), bytes);
  }
  await raw.close();
  const next = await node.reopen(t);
  t.throws(() => next.text(key(1)), { code: 'KV_CORRUPT' });
  t.is(next.text(key(2)), 'two');
  const partition = (key(1).keySlot >>> 16) >>> 11;
  t.throws(() => next.engine.page(partitionId(partition), {}, () => true), { code: 'KV_CORRUPT' });
});
