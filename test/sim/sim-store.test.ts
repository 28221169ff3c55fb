/**
 * The simulated store under the contract suite of the Store port, and what only it can do: lose, forget, fail on demand.
 */
import test from 'ava';
import { StoreError } from '../../src/core/errors.js';
import { Random } from '../../src/sim/random.js';
import { SimDisk } from '../../src/sim/sim-disk.js';
import { NodeCrash, SimStore } from '../../src/sim/sim-store.js';
import { forgetSuite } from '../storage/forget-suite.js';
import { find, keyOf, readText, stageWrite } from '../storage/records.js';
import { storeSuite } from '../storage/store-suite.js';

const MIB = 1024 * 1024;
const open = (disk = new SimDisk(new Random(7)), more = {}) =>
  new SimStore({ disk, slotShift: 11, arenaBytes: MIB, ...more });

function endTurn(store: SimStore): void {
  store.commit();
  store.publish();
  store.maintain(0);
}

const openSuite = () => {
  const store = open();
  return { store, slotShift: 11, endTurn: () => endTurn(store) };
};
storeSuite('simulated store', openSuite);
forgetSuite('simulated store', openSuite);

test('simulated store: a restart -> what was logged is there, what was not is not', (t) => {
  const disk = new SimDisk(new Random(7));
  const store = open(disk);
  stageWrite(store, keyOf('a'), Buffer.from('one'));
  endTurn(store);
  stageWrite(store, keyOf('b'), Buffer.from('two'));
  const again = open(disk);
  t.is(readText(again, keyOf('a')), 'one');
  t.is(find(again, keyOf('b')), -1);
  t.is(again.replica, store.replica);
  t.is(again.nextCounter, 2);
});

test('simulated store: the machine goes down -> synced records stay, others may go, the incarnation changes', (t) => {
  let losses = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const disk = new SimDisk(new Random(seed));
    const store = open(disk);
    stageWrite(store, keyOf('a'), Buffer.from('one'));
    store.requireSync();
    endTurn(store);
    stageWrite(store, keyOf('a'), Buffer.from('two'));
    endTurn(store);
    losses += Number(disk.loseUnsynced() !== undefined);
    const again = open(disk);
    t.is(readText(again, keyOf('a')), disk.losses > 0 ? 'one' : 'two');
    t.not(again.replica, store.replica);
  }
  t.true(losses > 0 && losses < 20);
});

test('simulated store: a corrupt key, a crash in the turn -> thrown where asked', (t) => {
  const store = open();
  stageWrite(store, keyOf('a'), Buffer.from('one'));
  endTurn(store);
  store.corrupt.add('a');
  t.is(t.throws(() => find(store, keyOf('a')), { instanceOf: StoreError })?.code, 'KV_CORRUPT');
  t.throws(() => store.page(pageOf('a'), {}, () => true), { code: 'KV_CORRUPT' });
  store.corrupt.delete('a');
  store.crashAt = 'commit';
  t.throws(() => store.commit(), { instanceOf: NodeCrash });
});

test('simulated store: a position kept from an earlier turn -> reads noise', (t) => {
  const store = open();
  stageWrite(store, keyOf('a'), Buffer.from('one'));
  const kept = find(store, keyOf('a'));
  endTurn(store);
  t.not(readText(store, keyOf('a')), undefined);
  endTurn(store);
  t.is(store.words[kept], 0x5a5a5a5a);
});

test('simulated store: staging over a record that is not the newest -> refused', (t) => {
  const store = open();
  stageWrite(store, keyOf('a'), Buffer.from('one'));
  const at = store.reserve(48);
  store.words.copyWithin(at, find(store, keyOf('a')), find(store, keyOf('a')) + 12);
  t.throws(() => store.stage(at, -1), { code: 'KV_INTERNAL' });
});

const pageOf = (text: string) => ((keyOf(text).keySlot >>> 16) >>> 11) as Parameters<SimStore['page']>[0];
