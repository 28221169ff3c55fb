import test from 'ava';
import fc from 'fast-check';
import { Rec } from '../../src/protocol/record.js';
import { Arena } from '../../src/storage/arena.js';
import { HotIndex } from '../../src/storage/hot-index.js';
import { Found, HotReader } from '../../src/storage/hot-reader.js';
import { Control, homeSlot } from '../../src/storage/node-memory.js';
import { fillRecord, keyOf } from './records.js';
import { allocateTiny, baseWord, stampOf, TinyTable } from './tiny-table.js';

const KEYS = 24;

type Step =
  | { readonly kind: 'put' | 'undo' | 'promote' | 'read'; readonly key: number }
  | { readonly kind: 'turn' | 'flush' }
  | { readonly kind: 'room'; readonly units: number };

const keyed = (kind: 'put' | 'undo' | 'promote' | 'read', weight: number) => ({
  weight,
  arbitrary: fc.record({ kind: fc.constant(kind), key: fc.nat(KEYS - 1) }),
});

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    keyed('put', 10),
    keyed('undo', 1),
    keyed('promote', 2),
    keyed('read', 4),
    { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('turn' as const, 'flush' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('room' as const), units: fc.nat(200) }) },
  ),
  { maxLength: 900, size: 'max' },
);

/** A tiny table beside what a Map says: newest, published and on disk. */
class Model {
  readonly setup = allocateTiny(4_096, 40, KEYS);
  readonly table = new TinyTable(this.setup);
  readonly reader = new HotReader(this.setup.memory);
  readonly #shared = new Int32Array(this.setup.shared);
  readonly #newest = new Map<number, number>();
  readonly #published = new Map<number, number>();
  #stamp = 0;

  step(step: Step): void {
    const { table } = this;
    if (step.kind === 'put') {
      this.#stamp++;
      if (table.put(step.key, this.#stamp)) this.#newest.set(step.key, this.#stamp);
    } else if (step.kind === 'undo') table.put(step.key, ++this.#stamp, true);
    else if (step.kind === 'promote') table.promote(step.key);
    else if (step.kind === 'read') this.#read(step.key);
    else if (step.kind === 'turn') this.#turn();
    else if (step.kind === 'flush') {
      this.#turn();
      table.flush();
    } else if (step.kind === 'room') {
      this.#turn();
      table.makeRoom(step.units);
    }
    this.#owner();
  }

  #turn(): void {
    this.table.endTurn();
    for (const [key, stamp] of this.#newest) this.#published.set(key, stamp);
  }

  #owner(): void {
    for (const [key, stamp] of this.#newest) {
      const found = this.table.newestInTable(key) ?? this.#shared[baseWord(key)];
      if (found !== stamp) throw new Error(`the owner finds ${found} of key ${key}, not ${stamp}`);
    }
    if (!this.table.checkIndex()) throw new Error('the index holds something that no key finds');
  }

  #read(key: number): void {
    const { words, hash, keySlot } = this.table.keys[key];
    const at = this.reader.find(words, hash, keySlot, 0);
    const wanted = this.#published.get(key) ?? 0;
    if (at === Found.unsettled || (at >= 0 && !this.reader.intact())) {
      // only where this turn replaces it, and the version before it was reclaimed: that one is on disk alone
      if (this.#newest.get(key) === wanted) throw new Error(`a reader finds no rest at key ${key}`);
      return;
    }
    const shown = at < 0 ? this.#shared[baseWord(key)] : stampOf(key, this.table.valueAt(at, key));
    if (shown !== wanted) throw new Error(`a reader finds ${shown} of key ${key}, not ${wanted}`);
  }
}

test('hot table: random writes, undone ones, evictions, promotions over many laps -> the map’s values, published ones to readers', (t) => {
  let laps = 0;
  fc.assert(
    fc.property(steps, (all) => {
      const model = new Model();
      for (const step of all) model.step(step);
      laps += new Int32Array(model.setup.memory.control)[16];
    }),
    { numRuns: 60 },
  );
  t.true(laps > 60 * 4, `${laps} laps`);
});

test('hot table: 400 laps of one table -> positions wrap many times and nothing is mixed up', (t) => {
  const model = new Model();
  let random = 1;
  for (let i = 0; i < 60_000; i++) {
    random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
    const key = (random >>> 8) % KEYS;
    model.step({ kind: i % 5 === 0 ? 'read' : 'put', key });
    if (i % 7 === 0) model.step({ kind: 'turn' });
    if (i % 21 === 0) model.step({ kind: 'flush' });
    if (i % 63 === 0) model.step({ kind: 'room', units: 100 });
  }
  t.true(new Int32Array(model.setup.memory.control)[16] > 400);
});

test('hot table: a key written many times in one turn -> readers step back to the published one, or give up at 64', (t) => {
  const setup = allocateTiny(64 * 1024, 64, 4);
  const table = new TinyTable(setup);
  const reader = new HotReader(setup.memory);
  const { words, hash, keySlot } = table.keys[1];
  table.put(1, 1);
  table.endTurn();
  for (let stamp = 2; stamp <= 60; stamp++) {
    table.put(1, stamp);
    const at = reader.find(words, hash, keySlot, 0);
    t.is(stampOf(1, table.valueAt(at, 1)), 1);
    t.true(reader.intact());
  }
  for (let stamp = 61; stamp <= 70; stamp++) table.put(1, stamp);
  t.is(reader.find(words, hash, keySlot, 0), Found.unsettled);
  table.endTurn();
  t.is(stampOf(1, table.valueAt(reader.find(words, hash, keySlot, 0), 1)), 70);
});

test('hot table: a key that is only staged -> absent for readers, also after its handler was undone', (t) => {
  const setup = allocateTiny(4096, 64, 4);
  const table = new TinyTable(setup);
  const reader = new HotReader(setup.memory);
  const { words, hash, keySlot } = table.keys[1];
  table.put(1, 1);
  t.is(reader.find(words, hash, keySlot, 0), Found.absent);
  table.put(2, 2, true);
  table.endTurn();
  const undone = table.keys[2];
  t.is(reader.find(undone.words, undone.hash, undone.keySlot, 0), Found.absent);
  t.true(reader.find(words, hash, keySlot, 0) >= 0);
});

test('hot table: a thread that takes the memory over -> it is empty, and a reader’s old find is no longer intact', (t) => {
  const setup = allocateTiny(4096, 64, 4);
  const table = new TinyTable(setup);
  const reader = new HotReader(setup.memory);
  const { words, hash, keySlot } = table.keys[1];
  table.put(1, 1);
  table.endTurn();
  t.true(reader.find(words, hash, keySlot, 0) >= 0);
  t.true(reader.intact());
  const next = new TinyTable(setup);
  t.false(reader.intact());
  t.is(reader.find(words, hash, keySlot, 0), Found.absent);
  t.is(next.index.entries, 0);
});

test('hot index: clustered hashes, inserts and removals in any order -> backshift leaves each entry reachable', (t) => {
  const slots = 32;
  const operation = fc.record({ insert: fc.boolean(), which: fc.nat(19) });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 300 }), (operations) => {
      const setup = allocateTiny(16_384, slots, 1);
      const arena = new Arena(setup.memory);
      const index = new HotIndex(setup.memory);
      // homes crowd at the end of the table, so that clusters wrap around it
      const keys = Array.from({ length: 20 }, (_, i) => keyOf(`k${i}`, (0xf000_0000 + (i % 5) * 0x0400_0000) | 0));
      const at = keys.map((key) => {
        const word = arena.push(8);
        fillRecord(arena.words, arena.bytes, word, key, new Uint8Array(8));
        arena.words[word + Rec.size] = 64;
        return word;
      });
      const held = new Set<number>();
      for (const { insert, which } of operations) {
        const { hash } = keys[which];
        const position = arena.positionAt(at[which]);
        if (insert && !held.has(which)) {
          index.insert(hash, position);
          held.add(which);
        } else if (!insert && held.has(which)) {
          index.removeSlot(index.slotOf(hash, position));
          held.delete(which);
        }
        for (const [i, key] of keys.entries()) {
          const wanted = held.has(i) ? arena.positionAt(at[i]) : 0;
          if (index.find(key.words, key.hash, key.keySlot, 0) !== wanted) return false;
          if (index.slotOf(key.hash, arena.positionAt(at[i])) >= 0 !== held.has(i)) return false;
        }
        if (index.entries !== held.size) return false;
      }
      return true;
    }),
  );
  t.pass();
});

test('hot index: more entries than the slots in use hold -> more are taken, entries and marks move with them', (t) => {
  const entries = 40_000;
  const { memory } = allocateTiny(1024, 100_000, 1);
  const control = new Int32Array(memory.control);
  const index = new HotIndex(memory);
  const slotsBefore = control[Control.slots];
  const movesBefore = control[Control.moves];
  const hashOf = (entry: number) => Math.imul(entry, 0x9e3779b1);
  const positionOf = (entry: number) => 8 + entry * 8;
  for (let entry = 0; entry < entries; entry++) {
    index.insert(hashOf(entry), positionOf(entry));
    if (entry % 7 === 0) index.marks[index.slotOf(hashOf(entry), positionOf(entry))] = 1;
  }
  let lost = 0;
  for (let entry = 0; entry < entries; entry++) {
    const slot = index.slotOf(hashOf(entry), positionOf(entry));
    if (slot < 0 || slot >= control[Control.slots] || index.marks[slot] !== Number(entry % 7 === 0)) lost++;
  }
  t.is(lost, 0);
  t.is(index.entries, entries);
  t.true(control[Control.slots] > slotsBefore);
  t.true(control[Control.moves] > movesBefore, 'a reader that missed meanwhile looks again');
  t.is(control[Control.moves] & 1, 0);
});

test('hot index: home slots of all hashes -> within the table and in proportion', (t) => {
  for (const slots of [1, 1024, 35_000_001]) {
    t.is(homeSlot(0, slots), 0);
    t.is(homeSlot(-1, slots), slots - 1);
    t.is(homeSlot(0x8000_0000 | 0, slots), Math.floor(slots / 2));
  }
});

test('arena: a lap that ends exactly at the head -> tail, head and free units agree', (t) => {
  const setup = allocateTiny(1024, 8, 1);
  const arena = new Arena(setup.memory);
  const whole = arena.freeUnits;
  arena.push(whole);
  t.is(arena.freeUnits, 0);
  arena.publish();
  const flushed = arena.published;
  arena.advanceTail(whole);
  arena.releaseTail();
  t.is(arena.unitsFromTail(flushed), 0);
  arena.wrap();
  arena.push(10);
  t.is(arena.usedUnits - arena.unitsFromTail(flushed), 10, 'what was written since is dirty');
});
