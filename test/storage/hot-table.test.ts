import test from 'ava';
import fc from 'fast-check';
import { Found, HotReader } from '../../src/storage/hot-reader.js';
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
