/**
 * A process to be killed: writes by many lanes at once with mixed durability, deletes now and then, and prints a line for
 * each acknowledged write before the lane goes on. `node kill-child.js <path> <n> <first number>`
 */
import type { Durability } from '../../src/index.js';
import { open } from '../../src/index.js';
import { BATCH, isDelete, keyOf, LANES, SETTINGS, textOf } from './kill-ledger.js';
import { say } from './say.js';

const [path, n, first] = process.argv.slice(2);
const DURABILITIES: readonly Durability[] = ['interval', 'none', 'sync', 'interval'];
const store = await open({ ...SETTINGS, path, n: Number(n) });

async function lane(index: number): Promise<void> {
  const durability = DURABILITIES[index % DURABILITIES.length];
  for (let number = Number(first); ; number++) {
    const key = keyOf(index, number);
    try {
      if (isDelete(number)) await store.delete(key, { durability });
      else await store.put(key, textOf(key, number), { durability });
    } catch {
      // not acknowledged: the lane ends, since what this write left is not known
      return;
    }
    say(`${index} ${number}`);
  }
}

async function batches(): Promise<void> {
  for (let number = Number(first); ; number++) {
    const pairs = Array.from({ length: BATCH }, (_, index) => `batch-${number}-${index}`);
    await store.putMany(pairs.map((key) => [key, textOf(key, number)]));
    say(`batch ${number}`);
  }
}

for (let index = 0; index < LANES; index++) void lane(index);
void batches();
