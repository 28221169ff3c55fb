/** A client's reads of plain records, in steps over a group of keys, while the node overwrites, moves, stages or ends. */
import type { KeyScratch } from '../../../src/client/key-scratch.js';
import { NOT_PLAIN, PlainReads } from '../../../src/client/plain-reads.js';
import type { Lab, Program } from '../lab.js';
import { nextGeneration, oneNode } from './small-host.js';
import { fillerOf, Notes, type SmallKey, SmallTable, smallKey, smallMemory } from './small-table.js';
import type { SmallValue } from './small-values.js';

class Bench {
  readonly notes: Notes;
  readonly table: SmallTable;
  readonly reads: PlainReads;
  readonly #lab: Lab;

  constructor(lab: Lab, recordsPerLap: number, keys: readonly SmallKey[]) {
    this.#lab = lab;
    this.notes = new Notes(lab);
    const memory = smallMemory(lab, recordsPerLap);
    this.reads = new PlainReads(oneNode(lab, memory));
    this.table = new SmallTable(lab, this.notes, memory);
    for (const key of keys) this.table.put(key, 1);
    this.table.endTurn();
    this.table.flush();
    nextGeneration(new Int32Array(memory.serving), 1);
  }

  /** Reads the keys as one group, and judges each value. */
  look(keys: readonly SmallKey[]): void {
    const { published, begun } = this.notes;
    this.#lab.pause();
    const least: number[] = [];
    const values: unknown[] = [];
    for (let i = 0; i < keys.length; i++) {
      least[i] = published[keys[i].index];
      this.reads.put(i, { ...keys[i], keyWords: 1 } as unknown as KeyScratch);
    }
    this.reads.read(keys.length, 1, values, 0);
    for (let i = 0; i < keys.length; i++) {
      if (values[i] === NOT_PLAIN) continue;
      const key = keys[i];
      const { stamp, filler } = values[i] as SmallValue;
      this.#lab.check(filler === fillerOf(key, stamp), 'the value is whole, and of this key');
      this.#lab.check(stamp >= least[i] && stamp <= begun[key.index], 'it was current at some moment of the read');
    }
  }
}

/** One key, written again and again: the head runs over what the reader may still be reading. */
function overwriting(lab: Lab, writes: number): Program {
  const key = smallKey(0, 1, 5);
  const bench = new Bench(lab, 3, [key]);
  return {
    threads: {
      writer() {
        for (let stamp = 2; stamp < 2 + writes; stamp++) {
          bench.table.makeRoom();
          bench.table.put(key, stamp);
          bench.table.endTurn();
          bench.table.flush();
        }
      },
      reader() {
        bench.look([key]);
      },
    },
  };
}

export const overwritten = (lab: Lab): Program => overwriting(lab, 3);
export const overwrittenForLong = (lab: Lab): Program => overwriting(lab, 20);

/** Keys of one home slot: the first is dropped, and those that are read move up, or give their slot to another. */
export function moving(lab: Lab): Program {
  const keys = [smallKey(0, 1, 1), smallKey(1, 1, 2), smallKey(2, 1, 2)];
  const bench = new Bench(lab, 4, keys);
  return {
    threads: {
      writer() {
        bench.table.put(keys[2], 2);
        bench.table.endTurn();
        bench.table.flush();
        bench.table.makeRoom(keys[0], keys[1]);
      },
      reader() {
        bench.look([keys[1], keys[2]]);
      },
    },
  };
}

/** Writes of a key in one turn, the first of which is taken back. */
export function staged(lab: Lab): Program {
  const key = smallKey(0, 1, 1);
  const bench = new Bench(lab, 6, [key]);
  return {
    threads: {
      writer() {
        bench.table.putAndUndo(key);
        bench.table.put(key, 2);
        bench.table.endTurn();
      },
      reader() {
        bench.look([key]);
      },
    },
  };
}
