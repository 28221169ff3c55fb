/** Opens a node's storage: its base table, and what its log says; a damaged one is salvaged where the host wants that. */
import { BaseTable } from '../storage/base-table.js';
import { Engine } from '../storage/engine.js';
import { ExitGate } from '../storage/exit-gate.js';
import { type RecoveryReport, recover } from '../storage/recovery.js';
import { salvage } from '../storage/salvage.js';
import type { NodeFiles } from './node-files.js';
import type { NodeStart } from './worker-main.js';

/**
 * `onEngine`: told of the engine as soon as it is there, before it is recovered.
 * @throws StoreError KV_CORRUPT, KV_FORMAT_TOO_NEW, KV_STORAGE_FULL, KV_STORAGE_FAILED, KV_PATH
 */
export async function openNodeStorage(
  start: NodeStart,
  files: NodeFiles,
  onEngine: (engine: Engine) => void,
): Promise<RecoveryReport> {
  const { map, node, mapBytesMax, compression, overtakenBy } = start;
  files.open(start);
  const gate = new ExitGate(new Int32Array(start.gate));
  const base = BaseTable.open({ path: files.basePath, mapBytesMax, compression, gate });
  // from here on the disk says that something may be missing, whatever becomes of this life
  if (start.salvages) files.beginSalvage(overtakenBy);
  const { logDirectory: directory, damagedDirectory: asideDirectory, replica } = files;
  const engine = new Engine({ memory: map.memories[node], base, partitions: map.partitions, replica });
  onEngine(engine);
  const report = start.salvages
    ? await salvage(engine, { directory, asideDirectory })
    : await recover(engine, { directory, checkpoint: files.untrusted, afterPowerLoss: files.afterPowerLoss });
  files.recovered(engine.nextCounter, overtakenBy);
  engine.replica = files.replica;
  files.trusted = true;
  return report;
}
