/** A client's local reads while the node that it reads of ends and starts anew, over the same memory. */
import type { KeyScratch } from '../../../src/client/key-scratch.js';
import { LocalReads, NOT_LOCAL } from '../../../src/client/local-reads.js';
import { RingTable } from '../../../src/host/ring-table.js';
import type { ThreadMap } from '../../../src/host/thread-map.js';
import type { NodeMemory } from '../../../src/storage/node-memory.js';
import type { Lab, Program } from '../lab.js';
import { fillerOf, Notes, type SmallKey, SmallTable, smallKey, smallMemory } from './small-table.js';
import type { SmallValue } from './small-values.js';

const RING_BYTES = Math.ceil(RingTable.allocate(1, 1).byteLength / 8) * 8;

function localReads(lab: Lab, memory: NodeMemory): LocalReads {
  const map = { n: 1, partitions: 1, memories: [memory], ring: lab.allocate('ring', RING_BYTES) };
  return new LocalReads(map as unknown as ThreadMap);
}

/** Another generation, which serves or does not: as the host and a node that has recovered say it. */
function nextGeneration(serving: Int32Array, serves: number): void {
  // Atomics: by the only writer
  Atomics.store(serving, 0, ((Atomics.load(serving, 0) >>> 1) + 1) * 2 + serves);
}

/** `writes`: of the second life, once it serves. */
function restarting(lab: Lab, writes: number): Program {
  const notes = new Notes(lab);
  const memory = smallMemory(lab, 3);
  const serving = new Int32Array(memory.serving);
  const key = smallKey(0, 1, 1);
  const reads = localReads(lab, memory);
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
        judge(lab, notes, key, reads);
      },
    },
  };
}

function judge(lab: Lab, notes: Notes, key: SmallKey, reads: LocalReads): void {
  const least = notes.published[key.index];
  const scratch = { ...key, slot: key.keySlot >>> 16 } as unknown as KeyScratch;
  const value = reads.getValue(scratch, 1) as SmallValue | symbol | undefined;
  if (value === NOT_LOCAL) return;
  lab.check(value !== undefined, 'a key that was published is not called absent');
  const { stamp, filler } = value as SmallValue;
  lab.check(filler === fillerOf(key, stamp), 'the value is whole, and of this key');
  lab.check(stamp >= least && stamp <= notes.begun[key.index], 'it was current at some moment of the read');
}

export const restart = (lab: Lab): Program => restarting(lab, 0);
export const restartAndWrite = (lab: Lab): Program => restarting(lab, 1);
