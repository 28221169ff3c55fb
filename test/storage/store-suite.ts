/**
 * The contract of the `Store` port as tests, for any storage: the real engine runs it, and so does a simulated one.
 * The factory opens an empty store of its own for each test; `endTurn` commits, publishes and lets it maintain itself.
 */
import test from 'ava';
import fc from 'fast-check';
import type { HandlerScope, Store } from '../../src/actor/ports.js';
import { clock } from '../../src/core/ids.js';
import { counterOf, Flag, flagsOf } from '../../src/protocol/record.js';
import { pages } from './page-suite.js';
import { find, keyOf, readText, stageWrite, type TestKey } from './records.js';

export interface SuiteStore {
  readonly store: Store & HandlerScope;
  /** slot >>> this is the partition. */
  readonly slotShift: number;
  endTurn(): void | Promise<void>;
  /** Called when the test is over. */
  close?(): void | Promise<void>;
}

export type OpenSuiteStore = () => SuiteStore | Promise<SuiteStore>;

/** Registers the suite; `name` begins each title. */
export function storeSuite(name: string, open: OpenSuiteStore): void {
  const on = (title: string, body: (t: import('ava').ExecutionContext, held: SuiteStore) => Promise<void>) => {
    test(`${name}: ${title}`, async (t) => {
      const held = await open();
      try {
        await body(t, held);
      } finally {
        await held.close?.();
      }
    });
  };
  singleKeys(on);
  edgesOfKeys(on);
  undoing(on);
  pages(on);
  on('any sequence of writes, tombstones and undone handlers -> shows what a map shows', async (t, held) => {
    await againstMap(held);
    t.pass();
  });
}

export type On = (title: string, body: (t: import('ava').ExecutionContext, held: SuiteStore) => Promise<void>) => void;

export function put(held: SuiteStore, key: TestKey, text: string, flags = 0): void {
  held.store.beginHandler();
  if (stageWrite(held.store, key, Buffer.from(text), flags) < 0) throw new Error('the store has no room');
}

function singleKeys(on: On): void {
  const a = keyOf('a');
  on('an unknown key -> absent', async (t, { store }) => {
    t.is(find(store, a), -1);
  });
  on('a staged record -> its own turn and every later one find it', async (t, held) => {
    put(held, a, 'one');
    t.is(readText(held.store, a), 'one');
    await held.endTurn();
    t.is(readText(held.store, a), 'one');
    t.is(find(held.store, keyOf('b')), -1);
  });
  on('a key written twice in a turn, and again in the next -> the newest is found', async (t, held) => {
    put(held, a, 'one');
    put(held, a, 'two');
    t.is(readText(held.store, a), 'two');
    await held.endTurn();
    put(held, a, 'three');
    await held.endTurn();
    t.is(readText(held.store, a), 'three');
  });
  on('nextCounter -> rises with each record, and a record reserved next gets it', async (t, held) => {
    const seen = new Set<number>();
    for (let i = 0; i < 20; i++) {
      const counter = held.store.nextCounter;
      put(held, keyOf(`k${i % 7}`), String(i));
      const found: number = counterOf(held.store.words, find(held.store, keyOf(`k${i % 7}`)));
      t.is(found, counter);
      seen.add(counter);
      if (i % 3 === 0) await held.endTurn();
    }
    t.is(seen.size, 20);
  });
}

function edgesOfKeys(on: On): void {
  const a = keyOf('a');
  on('clock -> never goes back', async (t, { store }) => {
    store.clock = clock(500);
    store.clock = clock(400);
    t.is(store.clock, clock(500));
  });
  on('a tombstone -> is found as one', async (t, held) => {
    put(held, a, 'one');
    await held.endTurn();
    put(held, a, '', Flag.tombstone);
    await held.endTurn();
    const at = find(held.store, a);
    t.true(at >= 0 && (flagsOf(held.store.words, at) & Flag.tombstone) !== 0);
  });
  on('keys of 1 to 1,900 bytes and values of none to 9 KB -> come back byte for byte', async (t, held) => {
    for (const [keyBytes, valueBytes] of [
      [1, 0],
      [3, 1],
      [4, 9_000],
      [1_900, 7],
      [1_899, 4_096],
    ]) {
      const key = keyOf('x'.repeat(keyBytes));
      const value = 'v'.repeat(valueBytes);
      put(held, key, value);
      t.is(readText(held.store, key), value);
      await held.endTurn();
      t.is(readText(held.store, key), value);
    }
  });
}

function undoing(on: On): void {
  const a = keyOf('a');
  const b = keyOf('b');
  on('an undone handler -> leaves no trace, whatever it staged', async (t, held) => {
    const { store } = held;
    put(held, a, 'kept');
    await held.endTurn();
    store.beginHandler();
    stageWrite(store, a, Buffer.from('gone'));
    stageWrite(store, b, Buffer.from('gone'));
    stageWrite(store, a, Buffer.from('gone too'));
    store.undoHandler();
    t.is(readText(store, a), 'kept');
    t.is(find(store, b), -1);
    await held.endTurn();
    t.is(readText(store, a), 'kept');
    t.is(find(store, b), -1);
  });
  on('a handler undone between two others of its turn -> theirs stay', async (t, held) => {
    put(held, a, 'first');
    held.store.beginHandler();
    stageWrite(held.store, a, Buffer.from('undone'));
    held.store.undoHandler();
    t.is(readText(held.store, a), 'first');
    put(held, b, 'second');
    await held.endTurn();
    t.deepEqual([readText(held.store, a), readText(held.store, b)], ['first', 'second']);
  });
}

/** Random turns of handlers, some of them undone, beside a Map of what counts. */
async function againstMap(held: SuiteStore): Promise<void> {
  const write = fc.record({ key: fc.integer({ min: 0, max: 30 }), bytes: fc.nat(300), dead: fc.boolean() });
  const handler = fc.record({ writes: fc.array(write, { minLength: 1, maxLength: 3 }), fails: fc.boolean() });
  const turns = fc.array(fc.array(handler, { maxLength: 6 }), { maxLength: 12 });
  const shown = new Map<number, string | undefined>();
  let stamp = 0;
  const property = fc.asyncProperty(turns, async (all) => {
    for (const handlers of all) {
      for (const { writes, fails } of handlers) {
        held.store.beginHandler();
        const now = new Map<number, string | undefined>();
        for (const { key, bytes, dead } of writes) {
          const text = `${++stamp}:${'.'.repeat(bytes)}`;
          const value = Buffer.from(dead ? '' : text);
          if (stageWrite(held.store, keyOf(`key-${key}`), value, dead ? Flag.tombstone : 0) < 0) {
            throw new Error('the store has no room');
          }
          now.set(key, dead ? undefined : text);
        }
        if (fails) held.store.undoHandler();
        else for (const [key, text] of now) shown.set(key, text);
      }
      await held.endTurn();
      for (let key = 0; key <= 30; key++) {
        held.store.beginHandler();
        if (readText(held.store, keyOf(`key-${key}`)) !== shown.get(key)) return false;
      }
    }
    return true;
  });
  await fc.assert(property, { numRuns: 40, endOnFailure: true });
}
