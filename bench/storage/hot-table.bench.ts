/**
 * The hot table of one node, 100,000 keys: writing turns of 64 records (log included, flushes when due), the owner's
 * find, and the find of a reader on any other thread, with the copy check that follows it.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turnOfEventLoop } from 'node:timers/promises';
import { replicaId } from '../../src/core/ids.js';
import { hashKey } from '../../src/core/key-hash.js';
import { slotOf } from '../../src/core/slot-hash.js';
import { copyWords, Rec, recordBytes, setDot, Tag } from '../../src/protocol/record.js';
import { BaseTable } from '../../src/storage/base-table.js';
import { Engine } from '../../src/storage/engine.js';
import { HotReader } from '../../src/storage/hot-reader.js';
import { Maintenance } from '../../src/storage/maintenance.js';
import { allocateNodeMemory } from '../../src/storage/node-memory.js';
import { recover } from '../../src/storage/recovery.js';
import { xorshift32 } from '../harness/random.js';
import { KEY_BYTES, keyAt, VALUE_BYTES, valueAt } from '../harness/workload.js';
import { repeated } from '../micro/repeat.js';
import type { MicroSuite } from '../micro/suite.js';

const MiB = 1024 * 1024;
const KEYS = 100_000;
const TURN = 64;
const PARTITIONS = 8;
const RECORD_BYTES = recordBytes(KEY_BYTES, VALUE_BYTES, false);
const RECORD_WORDS = RECORD_BYTES / 4;

export const suite: MicroSuite = {
  open: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kvorum-bench-hot-'));
    const table = await openTable(folder);
    let next = 0;
    while (next < KEYS) await table.writeTurn(() => next++ % KEYS);
    const draw = xorshift32(1);
    const order = Int32Array.from({ length: 1_000 }, () => draw() % KEYS);
    return {
      cases: [
        { name: 'write-turn-of-64', operations: TURN, run: () => table.writeTurn(() => draw() % KEYS) },
        repeated('owner-find', 1_000, (index) => table.ownerFinds(order[index])),
        repeated('reader-find', 1_000, (index) => table.readerFinds(order[index])),
      ],
      close: async () => {
        await table.close();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  },
};

async function openTable(folder: string): Promise<Table> {
  const memory = allocateNodeMemory(256 * MiB, PARTITIONS);
  const base = BaseTable.open({ path: join(folder, 'base'), mapBytesMax: 1024 * MiB, compression: false });
  const engine = new Engine({ memory, base, partitions: PARTITIONS, replica: replicaId(1) });
  const directory = join(folder, 'log');
  mkdirSync(directory);
  await recover(engine, { directory });
  return new Table(engine, new HotReader(memory));
}

class Table {
  readonly #engine: Engine;
  readonly #reader: HotReader;
  readonly #maintenance: Maintenance;
  /** The records to write, one after the other, their dots still empty. */
  readonly #records = recordsOf(KEYS);
  #turns = 0;

  constructor(engine: Engine, reader: HotReader) {
    this.#engine = engine;
    this.#reader = reader;
    const onError = (error: Error): never => {
      throw error;
    };
    const bounds = { logBytesMax: 512 * MiB, mapBytesMax: 1024 * MiB };
    this.#maintenance = new Maintenance(engine, { syncIntervalMs: 100, ...bounds, onError });
  }

  /** One turn as a node's thread takes it; `next` says which keys it writes. */
  async writeTurn(next: () => number): Promise<void> {
    const engine = this.#engine;
    this.#maintenance.run(++this.#turns);
    for (let count = 0; count < TURN; count++) {
      const at = next() * RECORD_WORDS;
      const existing = this.#ownerFind(at);
      const counter = engine.nextCounter;
      const staged = engine.reserve(RECORD_BYTES);
      if (staged < 0) throw new Error('the hot table has no room');
      copyWords(this.#records, at, engine.words, staged, RECORD_WORDS);
      setDot(engine.words, staged, engine.replica, counter, counter);
      engine.stage(staged, existing);
    }
    engine.commit();
    engine.publish();
    engine.beginHandler();
    // A flush and a background sync end in turns of the event loop.
    if (this.#maintenance.busy) await turnOfEventLoop();
  }

  ownerFinds(index: number): number {
    return this.#ownerFind(index * RECORD_WORDS) >= 0 ? 1 : 0;
  }

  readerFinds(index: number): number {
    const words = this.#records;
    const at = index * RECORD_WORDS;
    const found = this.#reader.find(words, words[at + Rec.keyHash], words[at + Rec.keySlot], at + Rec.key);
    return found >= 0 && this.#reader.intact() ? 1 : 0;
  }

  async close(): Promise<void> {
    while (this.#maintenance.busy) await turnOfEventLoop();
    this.#engine.log.close();
    await this.#engine.base.close();
  }

  #ownerFind(at: number): number {
    const words = this.#records;
    return this.#engine.find(words, words[at + Rec.keyHash], words[at + Rec.keySlot], at + Rec.key);
  }
}

function recordsOf(count: number): Int32Array {
  const words = new Int32Array(count * RECORD_WORDS);
  const bytes = Buffer.from(words.buffer);
  for (let index = 0; index < count; index++) {
    const at = index * RECORD_WORDS;
    const key = Buffer.from(keyAt(index), 'latin1');
    key.copy(bytes, (at + Rec.key) * 4);
    bytes.latin1Write(valueAt(index, 0), (at + Rec.key) * 4 + KEY_BYTES);
    words[at + Rec.size] = RECORD_BYTES;
    words[at + Rec.keyHash] = hashKey(words, at + Rec.key, KEY_BYTES);
    words[at + Rec.keySlot] = KEY_BYTES | (slotOf(key) << 16);
    words[at + Rec.valueTag] = VALUE_BYTES | (Tag.ascii << 24);
  }
  return words;
}
