/** classic-level (LevelDB) alone, in a folder of its own. */
import { ClassicLevel } from 'classic-level';
import type { Target } from '../harness/target.js';

/** An opened database of string keys and values. */
export async function openClassicLevel(folder: string): Promise<Target> {
  const database = new ClassicLevel<string, string>(folder);
  await database.open();
  return {
    name: 'classic-level',
    get: (key) => database.get(key),
    put: (key, value) => database.put(key, value),
    getMany: (keys) => database.getMany([...keys]),
    putMany: (pairs) => database.batch(pairs.map(([key, value]) => ({ type: 'put', key, value }))),
    close: () => database.close(),
  };
}
