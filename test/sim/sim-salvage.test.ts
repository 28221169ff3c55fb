/** A simulated log that is damaged in its middle, and what is left of it. */
import test from 'ava';
import { Flag } from '../../src/protocol/record.js';
import { Random } from '../../src/sim/random.js';
import { SimDisk } from '../../src/sim/sim-disk.js';
import { salvaged } from '../../src/sim/sim-salvage.js';
import { SimStore } from '../../src/sim/sim-store.js';
import { keyOf, readText, stageWrite } from '../storage/records.js';

const open = (disk: SimDisk) => new SimStore({ disk, slotShift: 11 });

/** One turn for each of these keys, the last of them unsynced; each value tells its turn. */
function written(disk: SimDisk, keys: readonly string[]): SimStore {
  const store = open(disk);
  for (const [turn, key] of keys.entries()) {
    store.beginHandler();
    stageWrite(store, keyOf(key), Buffer.from(String(turn)), key === 'gone' ? Flag.tombstone | Flag.forgotten : 0);
    if (turn < keys.length - 1) store.requireSync();
    store.commit();
    store.publish();
  }
  return store;
}

test('simulated salvage: a record that cannot be read -> it is missing, unless it was flushed last of its key', (t) => {
  const disk = new SimDisk(new Random(7));
  written(disk, ['a', 'b', 'a', 'gone', 'c', 'b']);
  const left = (from: number, to: number, flushed: number) =>
    salvaged(disk.log, { from, to, flushed }).map(({ sequence }) => sequence - 1);
  t.deepEqual(left(2, 3, 2), [0, 1, 3, 4, 5]);
  t.deepEqual(left(2, 3, 3), [0, 1, 2, 3, 4, 5]);
  t.deepEqual(left(0, 2, 3), [1, 2, 3, 4, 5]);
  t.deepEqual(left(3, 4, 6), [0, 1, 2, 4, 5]);
});

test('simulated disk: turns of it are damaged -> only synced ones, never the last; salvaged in doubt under another incarnation', (t) => {
  let lost = 0;
  for (let seed = 1; seed <= 40; seed++) {
    const disk = new SimDisk(new Random(seed));
    const before = written(disk, ['a', 'b', 'a', 'c', 'b', 'd']).replica;
    const { log } = disk;
    const whole = [...log];
    t.is(disk.damage(), 'damaged');
    t.true(disk.isDamaged);
    t.is(log.length, 6, 'nothing is changed before it is salvaged');
    disk.salvage();
    t.false(disk.isDamaged);
    t.is(log.at(-1), whole[5]);
    lost += 6 - log.length;
    t.deepEqual(
      disk.lostSynced,
      whole.filter((record) => !log.includes(record)),
    );
    t.is(disk.synced, log.length);
    t.is(disk.doubt, 'rollback');
    const after = open(disk);
    t.not(after.replica, before);
    t.is(after.nextCounter, 7);
    t.is(readText(after, keyOf('d')), '5');
  }
  t.true(lost > 20, `${lost} records were lost`);
});

test('simulated disk: with nothing synced behind which something stands -> it is not damaged', (t) => {
  const disk = new SimDisk(new Random(7));
  written(disk, ['a']);
  t.is(disk.damage(), undefined);
  disk.sync();
  t.is(disk.damage(), undefined);
});
