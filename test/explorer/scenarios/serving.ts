/** A client's local reads while the node that it reads of ends and starts anew, over the same memory. */
import type { KeyScratch } from '../../../src/client/key-scratch.js';
import { LocalReads, NOT_LOCAL } from '../../../src/client/local-reads.js';
import { NOT_PLAIN, PlainReads } from '../../../src/client/plain-reads.js';
import type { Replicas } from '../../../src/client/replicas.js';
import type { Lab, Program } from '../lab.js';
import { nextGeneration, oneNode } from './small-host.js';
import { fillerOf, Notes, type SmallKey, SmallTable, smallKey, smallMemory } from './small-table.js';
import type { SmallValue } from './small-values.js';

type Reads = (replicas: Replicas) => (key: KeyScratch) => unknown;

const anyWay: Reads = (replicas) => {
  const reads = new LocalReads(replicas);
  return (key) => reads.getValue(key, 1);
};
const plainly: Reads = (replicas) => {
  const reads = new PlainReads(replicas);
  return (key) => {
    const value = reads.readOne(key, 1);
    return value === NOT_PLAIN ? NOT_LOCAL : value;
  };
};

/** `writes`: of the second life, once it serves. */
function restarting(lab: Lab, writes: number, makeReads: Reads): Program {
  const notes = new Notes(lab);
  const memory = smallMemory(lab, 3);
  const serving = new Int32Array(memory.serving);
  const key = smallKey(0, 1, 1);
  const read = makeReads(oneNode(lab, memory));
  const first = new SmallTable(lab, notes, memory);
  first.put(smallKey(1, 1, 2), 1);
  first.put(key, 1);
  first.endTurn();
  nextGeneration(serving, 1);
  return {
    threads: {
      node() {
        nextGeneration(serving, 0);
        const second = new SmallTable(lab, notes, memory);
        second.put(key, 1);
        second.endTurn();
        nextGeneration(serving, 1);
        for (let i = 0; i < writes; i++) {
          second.put(key, 2 + i);
          second.endTurn();
        }
      },
      client() {
        lab.pause();
        judge(lab, notes, key, read);
      },
    },
  };
}

function judge(lab: Lab, notes: Notes, key: SmallKey, read: (key: KeyScratch) => unknown): void {
  const least = notes.published[key.index];
  const scratch = { ...key, slot: key.keySlot >>> 16, keyWords: 1 } as unknown as KeyScratch;
  const value = read(scratch) as SmallValue | symbol | undefined;
  if (value === NOT_LOCAL) return;
  lab.check(value !== undefined, 'a key that was published is not called absent');
  const { stamp, filler } = value as SmallValue;
  lab.check(filler === fillerOf(key, stamp), 'the value is whole, and of this key');
  lab.check(stamp >= least && stamp <= notes.begun[key.index], 'it was current at some moment of the read');
}

export const restart = (lab: Lab): Program => restarting(lab, 0, anyWay);
export const restartAndWrite = (lab: Lab): Program => restarting(lab, 1, anyWay);
export const plainRestart = (lab: Lab): Program => restarting(lab, 0, plainly);
export const plainRestartAndWrite = (lab: Lab): Program => restarting(lab, 1, plainly);
