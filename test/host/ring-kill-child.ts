/** A process that changes its ring under writes until it is killed: prints `begun`, then each write once it is acknowledged. */
import { open, type StoreChange } from '../../src/index.js';

const [path, change] = process.argv.slice(2);
const store = await open({ path, partitions: 32, nodesMax: 6 });
const write = async () => {
  for (let count = 1; ; ) {
    try {
      await store.put('load', count);
      process.stdout.write(`${count++}\n`);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
};
void write();
await store.change(JSON.parse(change) as StoreChange, { onProgress: () => process.stdout.write('begun\n') });
