/**
 * `kvorum restore DIR`: the records of a backup into a store of any shape, by plain writes under dots of its own. The whole
 * backup is verified before the first write. Records that are there already are left alone, so an interrupted restore is
 * simply run again.
 */
import { join } from 'node:path';
import { type Frames, readBackupFile } from '../backup-file.js';
import { type BackupManifest, readManifest } from '../backup-manifest.js';
import { damagesOf, headerOf, refuseDamaged } from '../backup-verify.js';
import type { CommandSpec, Invocation } from '../command.js';
import { EXIT_CODES } from '../exit-codes.js';
import { withStore } from '../open-access.js';
import { printable } from '../output.js';
import { rateOf, startProgress } from '../progress.js';
import { formatCount, formatNumber } from '../quantities.js';
import { withRetries } from '../retries.js';
import type { RestoreReport, StoreAccess } from '../store-access.js';

/** Pieces of files in flight, each some hundred KiB. */
const AT_ONCE = 4;
/** Records that could not be written and are named; the rest are counted. */
const FAILED_SHOWN_MAX = 20;

interface Totals {
  written: number;
  unchanged: number;
  failures: number;
  readonly failed: RestoreReport['failed'][number][];
}

export const restoreCommand: CommandSpec = {
  usage: 'restore <dir>',
  summary: 'write a backup into a store, of any number of nodes and partitions',
  description:
    'Verifies the whole backup, and refuses a damaged one before it writes anything. Then writes its records by plain ' +
    'writes, while the store serves: siblings stay siblings, expiry times stay what they were, versions are new. A key ' +
    'of the backup takes what the backup holds; other keys stay. Records that are there already are left alone: after an ' +
    'interruption run it again. Without a store at --path one is made, with the options given.',
  examples: [
    ['kvorum restore /backups/monday', 'into the store in ./kvorum-data, running or not'],
    ['kvorum restore /backups/monday --path ./new --nodes 5 --partitions 64', 'into a new store of another shape'],
    ['kvorum restore /backups/monday --connect 10.0.0.7:7379', 'into a running server'],
  ],
  run: async (invocation) => {
    const [folder] = invocation.args;
    const { output } = invocation;
    const manifest = await readManifest(folder);
    refuseDamaged(folder, await damagesOf(folder, manifest, output.json));
    return withStore(invocation, { create: true }, async (access) => {
      const startedAt = performance.now();
      const totals = await restoreAll(invocation, access, { folder, manifest });
      const { written, unchanged, failures, failed } = totals;
      const perSecond = Math.round(rateOf(written + unchanged, startedAt));
      output.result({ folder, written, unchanged, failures, failed, perSecond }, () => {
        const counts = `restored ${formatNumber(written, 'record')}, ${formatCount(unchanged)} were there already`;
        const refused = failures === 0 ? '' : `, ${formatCount(failures)} could not be written`;
        return `${counts}${refused} (${formatCount(perSecond)}/s)`;
      });
      return failures === 0 ? EXIT_CODES.ok.code : EXIT_CODES.store.code;
    });
  },
};

async function restoreAll(
  { output }: Invocation,
  access: StoreAccess,
  { folder, manifest }: { readonly folder: string; readonly manifest: BackupManifest },
): Promise<Totals> {
  const totals: Totals = { written: 0, unchanged: 0, failures: 0, failed: [] };
  const totalCount = manifest.records;
  const progress = await startProgress({ label: 'restoring', totalCount, noun: 'records', quiet: output.json });
  let done = 0;
  const pieces = piecesOf(folder, manifest);
  const work = async (): Promise<void> => {
    for (let { done: isOver, value } = await pieces.next(); !isOver; { done: isOver, value } = await pieces.next()) {
      const { frames, count } = value as Frames;
      const { written, unchanged, failed } = await withRetries(() => access.restore(frames));
      totals.written += written;
      totals.unchanged += unchanged;
      totals.failures += failed.length;
      for (const failure of failed) {
        if (totals.failed.length >= FAILED_SHOWN_MAX) break;
        totals.failed.push(failure);
        const key = printable(Buffer.from(failure.keyBase64, 'base64').toString());
        output.note(`kvorum: not restored: ${key}: ${failure.code}: ${failure.message}`);
      }
      done += count;
      progress.update(0, done);
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  } finally {
    progress.stop();
    await pieces.return(undefined);
  }
  return totals;
}

async function* piecesOf(folder: string, manifest: BackupManifest): AsyncGenerator<Frames> {
  for (const { name, partition } of manifest.files) {
    yield* readBackupFile(join(folder, name), headerOf(manifest, partition));
  }
}
