/**
 * What any store does when a node forgets a key, and keeps records of its own, as tests: run by the real engine and by the
 * simulated one.
 */
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import type { Store } from '../../src/actor/ports.js';
import {
  forgetPrivate,
  getPrivate,
  PrivateKind,
  pagePrivate,
  privateKey,
  putPrivate,
} from '../../src/actor/private-record.js';
import { partitionId } from '../../src/core/ids.js';
import { slotOfRecord } from '../../src/protocol/record.js';
import { find, keyOf, keyTextAt, readText, stageWrite } from './records.js';
import type { OpenSuiteStore, SuiteStore } from './store-suite.js';

const key = keyOf('forget-me');
const text = (value: string) => Buffer.from(value);

export function forgetSuite(name: string, open: OpenSuiteStore): void {
  const on = (title: string, body: (t: ExecutionContext, held: SuiteStore) => Promise<void>) => {
    test(`${name}: ${title}`, async (t) => {
      const held = await open();
      try {
        await body(t, held);
      } finally {
        await held.close?.();
      }
    });
  };
  on('a forgotten key -> absent in its turn, after it, and in pages', async (t, held) => {
    const { store } = held;
    stageWrite(store, key, text('one'));
    await held.endTurn();
    store.beginHandler();
    t.true(store.forget(find(store, key)));
    t.is(find(store, key), -1);
    await held.endTurn();
    t.is(find(store, key), -1);
    t.deepEqual(pageOf(held), []);
  });
  on('a forgotten key that is written again -> what was written', async (t, held) => {
    const { store } = held;
    for (const value of ['one', 'two', 'three']) {
      store.beginHandler();
      stageWrite(store, key, text(value));
      await held.endTurn();
      t.is(readText(store, key), value);
      store.beginHandler();
      store.forget(find(store, key));
      if (value !== 'two') await held.endTurn();
    }
    stageWrite(store, key, text('four'));
    await held.endTurn();
    t.is(readText(store, key), 'four');
    t.deepEqual(pageOf(held), [key.text]);
  });
  on('forgetting that is undone -> the key is there', async (t, held) => {
    const { store } = held;
    stageWrite(store, key, text('one'));
    await held.endTurn();
    store.beginHandler();
    store.forget(find(store, key));
    store.undoHandler();
    t.is(readText(store, key), 'one');
    await held.endTurn();
    t.is(readText(store, key), 'one');
  });
  on('private records -> kept by kind, apart from users’ keys of the same bytes', async (t, held) => {
    await privateRecords(t, held);
  });
  on('any sequence of private puts and forgets -> what a map shows', async (t, held) => {
    await privateAgainstMap(t, held);
  });
}

async function privateRecords(t: ExecutionContext, held: SuiteStore): Promise<void> {
  const { store } = held;
  const hint = privateKey(PrivateKind.hint, text('ab'));
  const user = keyOf(Buffer.from(hint).toString());
  store.beginHandler();
  stageWrite(store, user, text('a user’s'));
  t.true(putPrivate(store, hint, text('mine')));
  t.true(putPrivate(store, privateKey(PrivateKind.note, text('ab')), text('a note')));
  await held.endTurn();
  t.deepEqual(getPrivate(store, hint), new Uint8Array(text('mine')));
  t.is(readText(store, user), 'a user’s');
  const hints = pagePrivate(store, privateKey(PrivateKind.hint), { limit: 10 });
  t.deepEqual(hints, [{ key: hint, value: new Uint8Array(text('mine')) }]);
  store.beginHandler();
  t.true(forgetPrivate(store, hint));
  await held.endTurn();
  t.is(getPrivate(store, hint), undefined);
  t.is(readText(store, user), 'a user’s');
  t.is(pagePrivate(store, privateKey(PrivateKind.note), { limit: 10 }).length, 1);
}

async function privateAgainstMap(t: ExecutionContext, held: SuiteStore): Promise<void> {
  const { store } = held;
  const model = new Map<number, number>();
  const steps = fc.sample(fc.tuple(fc.nat(12), fc.nat(3)), { numRuns: 120, seed: 7 });
  for (const [index, [id, action]] of steps.entries()) {
    const name = privateKey(PrivateKind.note, Uint8Array.of(id));
    store.beginHandler();
    if (action === 0) {
      forgetPrivate(store, name);
      model.delete(id);
    } else {
      putPrivate(store, name, Uint8Array.of(index));
      model.set(id, index);
    }
    if (index % 5 === 0) await held.endTurn();
  }
  await held.endTurn();
  const wanted = [...model].sort(([a], [b]) => a - b);
  t.deepEqual(allNotes(store), wanted);
}

/** Every note, three at a time. */
function allNotes(store: Store): [number, number][] {
  const found: [number, number][] = [];
  let after: Uint8Array | undefined;
  for (;;) {
    const pairs = pagePrivate(store, privateKey(PrivateKind.note), { after, limit: 3 });
    for (const pair of pairs) found.push([pair.key[1], pair.value[0]]);
    if (pairs.length < 3) return found;
    after = pairs[2].key;
  }
}

function pageOf({ store, slotShift }: SuiteStore): string[] {
  const keys: string[] = [];
  store.page(partitionId((key.keySlot >>> 16) >>> slotShift), { limit: 5 }, (words, at) => {
    if (slotOfRecord(words, at) === key.keySlot >>> 16)
      keys.push(keyTextAt(words, new Uint8Array(words.buffer, words.byteOffset), at));
    return true;
  });
  return keys;
}
