/**
 * A reader thread of the hot-reader test: looks random keys up until told to stop, and counts what must never be seen.
 *
 *   torn       accepted bytes that are not one write of this key
 *   early      a write that was not in the log yet when it was read, or one that was undone
 *   backwards  an older write than this thread has seen before
 *   lost       a miss though the base table lacked what was published before the look-up
 */
import { parentPort, workerData } from 'node:worker_threads';
import { Rec } from '../../src/protocol/record.js';
import { Found, HotReader } from '../../src/storage/hot-reader.js';
import { baseWord, LOGGED, publishedWord, stampOf, type TinySetup, tinyKeys, UNDONE } from './tiny-table.js';

const { setup, stop, seed } = workerData as { setup: TinySetup; stop: SharedArrayBuffer; seed: number };
const reader = new HotReader(setup.memory);
const shared = new Int32Array(setup.shared);
const stopped = new Int32Array(stop);
const keys = tinyKeys(setup.keys);
const seen = new Int32Array(setup.keys);
const counts = { accepted: 0, misses: 0, races: 0, torn: 0, early: 0, backwards: 0, lost: 0 };

function look(which: number): void {
  const key = keys[which];
  const before = Atomics.load(shared, publishedWord(which)); // Atomics: acquire, before the look-up
  const at = reader.find(key.words, key.hash, key.keySlot, 0);
  if (at === Found.unsettled) {
    counts.races++;
    return;
  }
  if (at === Found.absent) {
    // Atomics: acquire, after the look-up
    if (Atomics.load(shared, baseWord(which)) < before) counts.lost++;
    counts.misses++;
    return;
  }
  const start = (at + Rec.key + key.words.length) * 4;
  const value = Uint8Array.from(reader.bytes.subarray(start, start + (reader.words[at + Rec.valueTag] & 0xff_ff_ff)));
  if (!reader.intact()) {
    counts.races++;
    return;
  }
  counts.accepted++;
  const stamp = stampOf(which, value);
  const logged = Atomics.load(shared, LOGGED); // Atomics: acquire, after the copy
  if (stamp < 0) counts.torn++;
  else if ((stamp & UNDONE) !== 0 || stamp > logged) counts.early++;
  else if (stamp < seen[which]) counts.backwards++;
  else seen[which] = stamp;
}

let random = seed;
while (Atomics.load(stopped, 0) === 0) {
  // Atomics: the writer's word to end
  for (let i = 0; i < 500; i++) {
    random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
    look((random >>> 10) % setup.keys);
  }
}
parentPort?.postMessage(counts);
