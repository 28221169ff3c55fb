/** Reads every file of a backup, and says what is damaged, file by file. */
import { readdir } from 'node:fs/promises';
import { type BackupHeader, faultOf } from './backup-file.js';
import { type BackupManifest, MANIFEST_NAME } from './backup-manifest.js';
import { CliError } from './exit-codes.js';
import { type Progress, startProgress } from './progress.js';
import { formatNumber } from './quantities.js';

export interface Damage {
  readonly file: string;
  readonly fault: string;
}

/** Damaged, missing and foreign files; none where the backup is whole. */
export async function damagesOf(folder: string, manifest: BackupManifest, quiet: boolean): Promise<Damage[]> {
  const { files } = manifest;
  const progress: Progress = await startProgress({
    label: 'verifying',
    totalCount: files.length,
    noun: 'files',
    quiet,
  });
  const damages: Damage[] = [];
  try {
    for (const [index, file] of files.entries()) {
      const fault = await faultOf(folder, file, headerOf(manifest, file.partition));
      if (fault !== undefined) damages.push({ file: file.name, fault });
      progress.update(0, index + 1);
    }
  } finally {
    progress.stop();
  }
  const known = new Set([MANIFEST_NAME, ...files.map(({ name }) => name)]);
  for (const name of await readdir(folder)) {
    if (!known.has(name)) damages.push({ file: name, fault: 'the manifest does not name it' });
  }
  return damages;
}

/** What stands at the head of the file of a partition. */
export function headerOf(
  { format, clusterName, partitions, epoch }: Omit<BackupHeader, 'partition'>,
  partition: number,
): BackupHeader {
  return { format, clusterName, partitions, epoch, partition };
}

/** @throws CliError KV_INPUT where anything is damaged, naming the first file */
export function refuseDamaged(folder: string, damages: readonly Damage[]): void {
  const [first] = damages;
  if (first === undefined) return;
  const others = damages.length === 1 ? '' : `; and ${formatNumber(damages.length - 1, 'more file')}`;
  const message = `the backup in ${folder} is damaged: ${first.file}: ${first.fault}${others}`;
  throw new CliError('KV_INPUT', message, { file: first.file, damaged: damages.length });
}
