import test from 'ava';
import { addConfirmation, addFlush, type Collection, phaseOf, startCollection } from '../../src/core/collection.js';
import { nodeIndex } from '../../src/core/ids.js';

const MEMBERS = [0, 1, 2].map(nodeIndex);
const confirm = (state: Collection, node: number, confirms: boolean[], life = 10 + node): Collection =>
  addConfirmation(state, { node: nodeIndex(node), life, confirms });
const flush = (state: Collection, from: number, to: number, life = 10 + to): Collection =>
  addFlush(state, { from: nodeIndex(from), to: nodeIndex(to), life });

function allConfirmed(): Collection {
  return MEMBERS.reduce((state, node) => confirm(state, node, [true, node !== 1]), startCollection(MEMBERS, 2));
}

test('collection: a member has not confirmed -> waits, however long', (t) => {
  const state = confirm(confirm(startCollection(MEMBERS, 1), 0, [true]), 2, [true]);
  t.is(phaseOf(state), 'confirm');
  t.is(phaseOf(confirm(state, 2, [true])), 'confirm');
  t.is(phaseOf(confirm(state, 1, [true])), 'flush');
});

test('collection: a record that one member does not confirm -> is left out; none left -> void', (t) => {
  t.deepEqual(allConfirmed().agreed, [true, false]);
  t.is(phaseOf(confirm(startCollection(MEMBERS, 1), 0, [false])), 'void');
});

test('collection: every channel in both directions is flushed -> collected, not before', (t) => {
  let state = allConfirmed();
  for (const from of MEMBERS) {
    for (const to of MEMBERS) {
      t.is(phaseOf(state), 'flush');
      state = flush(state, from, to);
    }
  }
  t.is(phaseOf(state), 'collect');
});

test('collection: a member that restarted since it confirmed -> void', (t) => {
  t.is(phaseOf(flush(allConfirmed(), 0, 1, 99)), 'void');
});

test('collection: a stranger, or an answer to another list -> counts for nothing', (t) => {
  const state = startCollection(MEMBERS, 2);
  t.is(confirm(state, 7, [true, true]), state);
  t.is(confirm(state, 0, [true]), state);
});
