/** Opens a node's storage: its base table, and what its log says; what is damaged of it is salvaged where the host wants that. */
import { asStoreError } from '../core/errors.js';
import { type BaseDamage, isOfBase, setBaseAside } from '../storage/base-damage.js';
import { BaseTable } from '../storage/base-table.js';
import { segmentsIn } from '../storage/commit-log.js';
import { Engine } from '../storage/engine.js';
import { ExitGate } from '../storage/exit-gate.js';
import { realFiles } from '../storage/log-files.js';
import { type RecoveryReport, recover } from '../storage/recovery.js';
import { salvage } from '../storage/salvage.js';
import type { NodeFiles } from './node-files.js';
import type { NodeStart } from './worker-main.js';

/** What came of it; `base`: the base table was set aside. */
export interface StorageReport extends RecoveryReport {
  readonly base?: BaseDamage;
}

/**
 * `onEngine`: told of the engine as soon as it is there, before it is recovered.
 * @throws StoreError KV_CORRUPT, KV_FORMAT_TOO_NEW, KV_STORAGE_FULL, KV_STORAGE_FAILED, KV_PATH
 */
export async function openNodeStorage(
  start: NodeStart,
  files: NodeFiles,
  onEngine: (engine: Engine) => void,
): Promise<StorageReport> {
  const { map, node, overtakenBy } = start;
  files.open(start);
  const { base, damage } = openBase(start, files);
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
  return damage === undefined ? report : { ...report, base: damage };
}

/** The base table; where it is damaged and the host wants that, an empty one in its place. */
function openBase(start: NodeStart, files: NodeFiles): { readonly base: BaseTable; readonly damage?: BaseDamage } {
  const { mapBytesMax, compression, overtakenBy } = start;
  const { basePath: path, damagedDirectory } = files;
  const options = { path, mapBytesMax, compression, gate: new ExitGate(new Int32Array(start.gate)) };
  try {
    return { base: BaseTable.open({ ...options, mustExist: mustHaveBase(files) }) };
  } catch (thrown) {
    const error = asStoreError(thrown);
    if (!start.salvages || !isOfBase(error)) throw error;
    // all that it held may be missing, and the disk says so before it goes
    files.beginSalvage(overtakenBy);
    const keptAs = setBaseAside(path, damagedDirectory);
    const damage = { base: path, reason: String(error.details.reason), ...(keptAs !== undefined && { keptAs }) };
    return { base: BaseTable.open(options), damage };
  }
}

/**
 * Whether the base table holds records that the log does not: segments were given back. A node in doubt of all that it holds may have
 * set it aside, and ended before there was another one.
 */
function mustHaveBase({ logDirectory, doubt }: NodeFiles): boolean {
  const [oldest = 1] = segmentsIn(realFiles, logDirectory);
  return oldest > 1 && doubt !== 'rollback';
}
