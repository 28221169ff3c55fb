import test from 'ava';
import fc from 'fast-check';
import { Rec } from '../../src/protocol/record.js';
import { Arena } from '../../src/storage/arena.js';
import { HotIndex } from '../../src/storage/hot-index.js';
import { Control, homeSlot } from '../../src/storage/node-memory.js';
import { Reclaimer } from '../../src/storage/reclaimer.js';
import { fillRecord, keyOf } from './records.js';
import { allocateTiny } from './tiny-table.js';

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

test('hot index: inserts, removals and growth amid a sweep -> everything that was there from its begin to its end is found', (t) => {
  const operation = fc.record({ insert: fc.boolean(), which: fc.nat(39) });
  const step = fc.record({ slots: fc.integer({ min: 1, max: 9 }), operations: fc.array(operation, { maxLength: 6 }) });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), fc.array(step, { maxLength: 20 }), (before, steps) => {
      const index = new HotIndex(allocateTiny(1024, 64, 1).memory);
      // homes crowd at both ends of the table, so that clusters are long and wrap around it
      const hashOf = (which: number) => (0xe800_0000 + (which % 8) * 0x0600_0000) | 0;
      const positionOf = (which: number) => 8 + which * 8;
      const held = new Set<number>();
      const apply = ({ insert, which }: { insert: boolean; which: number }) => {
        if (insert === held.has(which)) return;
        if (insert) index.insert(hashOf(which), positionOf(which));
        else index.removeSlot(index.slotOf(hashOf(which), positionOf(which)));
        if (insert) held.add(which);
        else held.delete(which);
      };
      before.forEach(apply);
      const stayed = new Set(held);
      const found = new Set<number>();
      const positions = new Uint32Array(4);
      const sweep = (slots: number) => {
        const count = index.sweep(positionOf(5), positionOf(35), positions, positions.length, slots);
        for (const position of positions.subarray(0, count)) found.add(position);
      };
      index.beginSweep();
      for (const { slots, operations } of steps) {
        sweep(slots);
        operations.forEach(apply);
        for (const { insert, which } of operations) if (!insert) stayed.delete(which);
      }
      while (!index.isSwept) sweep(64);
      const isOfRange = (which: number) => which >= 5 && which < 35;
      const isMissed = (which: number) => isOfRange(which) && !found.has(positionOf(which));
      const isStrange = (position: number) => !isOfRange((position - 8) / 8);
      return ![...stayed].some(isMissed) && ![...found].some(isStrange);
    }),
    { numRuns: 2_000 },
  );
  t.pass();
});

test('hot index: a table that grows amid a sweep -> it begins anew and misses nothing', (t) => {
  const index = new HotIndex(allocateTiny(1024, 100_000, 1).memory);
  // some share the last home: the first of them stands there, the others at the begin, and growing turns them around
  const hashOf = (entry: number) => (entry < 50 ? -1 : Math.imul(entry, 0x9e3779b1));
  const positionOf = (entry: number) => 8 + entry * 8;
  for (let entry = 0; entry < 5_000; entry++) index.insert(hashOf(entry), positionOf(entry));
  const found = new Set<number>();
  const positions = new Uint32Array(64);
  const sweep = () => {
    const count = index.sweep(0, positionOf(5_000), positions, positions.length, 1_024);
    for (const position of positions.subarray(0, count)) found.add(position);
  };
  index.beginSweep();
  for (let i = 0; i < 8; i++) sweep();
  for (let entry = 5_000; entry < 40_000; entry++) index.insert(hashOf(entry), positionOf(entry));
  while (!index.isSwept) sweep();
  t.is(found.size, 5_000);
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

test('reclaimer: what was given up -> the tail passes over it in one piece, and over a following one', (t) => {
  const { memory } = allocateTiny(4096, 64, 1);
  const arena = new Arena(memory);
  const index = new HotIndex(memory);
  const reclaimer = new Reclaimer(arena, index);
  const positions: number[] = [];
  for (let i = 0; i < 30; i++) {
    const at = arena.push(8);
    fillRecord(arena.words, arena.bytes, at, keyOf(`k${i}`), new Uint8Array(8));
    arena.words[at + Rec.size] = 64;
    positions.push(arena.positionAt(at));
    index.insert(keyOf(`k${i}`).hash, arena.positionAt(at));
  }
  arena.publish();
  reclaimer.giveUp(positions[2], positions[10]);
  reclaimer.giveUp(positions[10], positions[20]);
  const room = (units: number) => reclaimer.makeRoom(arena.freeUnits + units, arena.published, () => -1);
  room(8);
  t.is(arena.tail, positions[1]);
  t.is(reclaimer.evictions, 1, 'one record, looked at by itself');
  room(16);
  t.is(arena.tail, positions[20], 'all of what was given up, and nothing of it was looked at');
  t.is(reclaimer.evictions, 2);
  room(8);
  t.is(arena.tail, positions[21]);
});

test('reclaimer: what was given up ends exactly where the lap does -> the tail begins the next one', (t) => {
  const { memory } = allocateTiny(1024, 8, 1);
  const arena = new Arena(memory);
  const reclaimer = new Reclaimer(arena, new HotIndex(memory));
  const whole = arena.freeUnits;
  arena.push(whole);
  arena.publish();
  reclaimer.giveUp(arena.tail, arena.published);
  t.true(reclaimer.makeRoom(whole, arena.published, () => -1));
  arena.wrap();
  t.is(arena.tail, arena.head);
  t.is(arena.usedUnits, 0);
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
