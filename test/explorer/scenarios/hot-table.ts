/** A writer that stages, publishes, undoes, drops and overwrites records, beside readers who take no lock. */
import type { Lab, Program } from '../lab.js';
import { Notes, type SmallKey, SmallReader, SmallTable, smallKey, smallMemory } from './small-table.js';

interface Bench {
  readonly table: SmallTable;
  reader(): SmallReader;
}

function bench(lab: Lab, recordsPerLap: number): Bench {
  const notes = new Notes(lab);
  const memory = smallMemory(lab, recordsPerLap);
  return { table: new SmallTable(lab, notes, memory), reader: () => new SmallReader(lab, notes, memory) };
}

function putAll(table: SmallTable, keys: readonly SmallKey[], stamp: number): void {
  for (const key of keys) table.put(key, stamp);
  table.endTurn();
  table.flush();
}

/** One key, written again and again: the head runs over what the reader may still be reading. */
function overwriting(lab: Lab, writes: number, looks: number): Program {
  const { table, reader } = bench(lab, 3);
  const key = smallKey(0, 1, 5);
  const one = reader();
  putAll(table, [key], 1);
  return {
    threads: {
      writer() {
        for (let stamp = 2; stamp < 2 + writes; stamp++) {
          table.makeRoom();
          table.put(key, stamp);
          table.endTurn();
          table.flush();
        }
      },
      reader() {
        for (let i = 0; i < looks; i++) one.look(key);
      },
    },
  };
}

export const overwritten = (lab: Lab): Program => overwriting(lab, 3, 1);
export const overwrittenForLong = (lab: Lab): Program => overwriting(lab, 20, 1);
export const overwrittenTwice = (lab: Lab): Program => overwriting(lab, 4, 2);

/** Two readers, one after the other seeing what the writer publishes. */
export function seenByTwo(lab: Lab): Program {
  const { table, reader } = bench(lab, 3);
  const key = smallKey(0, 1, 5);
  const first = reader();
  const second = reader();
  putAll(table, [key], 1);
  return {
    threads: {
      writer() {
        table.put(key, 2);
        table.endTurn();
      },
      first() {
        first.look(key);
      },
      second() {
        second.look(key);
      },
    },
  };
}

/** Three keys of one home slot; the first is dropped, the others move, and another takes the last slot. */
function movingFor(lab: Lab, sought: readonly number[]): Program {
  const { table, reader } = bench(lab, 4);
  const keys = [smallKey(0, 1, 1), smallKey(1, 1, 2), smallKey(2, 1, 2)];
  const one = reader();
  putAll(table, keys, 1);
  table.put(keys[2], 2);
  table.endTurn();
  table.flush();
  return {
    threads: {
      writer() {
        table.makeRoom(keys[0], keys[1]);
        table.put(smallKey(3, 1, 1), 1);
        table.endTurn();
      },
      reader() {
        for (let i = 0; i < sought.length; i++) one.look(keys[sought[i]]);
      },
    },
  };
}

export const movingLast = (lab: Lab): Program => movingFor(lab, [2]);
export const movingFirst = (lab: Lab): Program => movingFor(lab, [0]);
export const movingAll = (lab: Lab): Program => movingFor(lab, [2, 1, 0]);

/** A key that is dropped, and comes back with another write. */
function returning(lab: Lab, looks: number): Program {
  const { table, reader } = bench(lab, 2);
  const keys = [smallKey(0, 1, 1), smallKey(1, 1, 1)];
  const one = reader();
  putAll(table, keys, 1);
  return {
    threads: {
      writer() {
        table.makeRoom(keys[0], keys[1]);
        table.put(keys[0], 2);
        table.endTurn();
      },
      reader() {
        for (let i = 0; i < looks; i++) one.look(keys[0]);
      },
    },
  };
}

export const comingBack = (lab: Lab): Program => returning(lab, 1);
export const comingBackTwice = (lab: Lab): Program => returning(lab, 2);

/** The index grows, and every entry finds another place. */
function growingFor(lab: Lab, sought: readonly number[]): Program {
  const { table, reader } = bench(lab, 4);
  const keys = [smallKey(0, 1, 1), smallKey(1, 2, 2), smallKey(2, 3, 3)];
  const one = reader();
  putAll(table, [keys[0], keys[1]], 1);
  return {
    threads: {
      writer() {
        table.put(keys[2], 1);
        table.put(keys[1], 2);
        table.endTurn();
      },
      reader() {
        for (let i = 0; i < sought.length; i++) one.look(keys[sought[i]]);
      },
    },
  };
}

export const growing = (lab: Lab): Program => growingFor(lab, [1]);
export const growingTwice = (lab: Lab): Program => growingFor(lab, [1, 2]);

/** Several writes of a key in one turn, some of which are taken back. */
export function undoing(lab: Lab): Program {
  const { table, reader } = bench(lab, 6);
  const key = smallKey(0, 1, 1);
  const other = smallKey(1, 1, 2);
  const one = reader();
  putAll(table, [key], 1);
  return {
    threads: {
      writer() {
        table.putAndUndo(key);
        table.put(key, 2);
        table.putAndUndo(other);
        table.endTurn();
      },
      reader() {
        one.look(key);
        one.look(other);
      },
    },
  };
}

/** What was read is copied to the head, and there over what this very call has freed. */
export function secondChance(lab: Lab): Program {
  const { table, reader } = bench(lab, 4);
  const keys = [smallKey(0, 1, 1), smallKey(1, 2, 2)];
  const one = reader();
  putAll(table, keys, 1);
  return {
    threads: {
      writer() {
        table.put(keys[0], 2);
        table.endTurn();
        table.flush();
        table.mark(keys[0]);
        table.mark(keys[1]);
        table.makeRoomKeeping(keys[0], keys[1]);
      },
      reader() {
        one.look(keys[0]);
      },
    },
  };
}
