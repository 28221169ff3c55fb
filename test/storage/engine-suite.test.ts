import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as eventTurn } from 'node:timers/promises';
import test from 'ava';
import { MiB, StorageNode } from './node-fixture.js';
import { storeSuite } from './store-suite.js';

/** One event loop for all of them: what a node leaves behind is cleared when the file is done. */
const folders: string[] = [];
test.after.always(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function engineSuite(name: string, options: { memoryBytes: number; flushes: boolean; compression: boolean }): void {
  storeSuite(name, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kvorum-suite-'));
    folders.push(folder);
    const { memoryBytes, compression } = options;
    const node = await StorageNode.open({ teardown: () => undefined }, folder, { memoryBytes, compression });
    return {
      store: node.engine,
      slotShift: 11,
      async endTurn() {
        node.endTurn();
        if (options.flushes) await node.flush();
        else if (node.maintenance.busy) await eventTurn();
      },
      close: () => node.crash(),
    };
  });
}

engineSuite('engine in memory', { memoryBytes: 16 * MiB, flushes: false, compression: false });
engineSuite('engine flushed each turn', { memoryBytes: 2 * MiB, flushes: true, compression: false });
engineSuite('engine with compression', { memoryBytes: 2 * MiB, flushes: true, compression: true });
