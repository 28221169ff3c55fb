/** A process of its own, which a damaged page may end: opens the store at the path given, and says when all of its nodes count. */
import { open } from '../../src/index.js';
import { until } from '../client/store-fixture.js';

const store = await open({ path: process.argv[2], memoryBytes: 4 * 2 ** 20, logBytesMax: 4 * 2 ** 20 });
let isTold = false;
store.on('base-damaged', () => {
  isTold = true;
});
await until(async () => {
  const { nodes } = await store.stats();
  return isTold && nodes.every(({ up, repairs }) => up && repairs.inDoubt === 0);
});
await store.close();
process.stdout.write('healed\n');
