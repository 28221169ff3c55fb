/**
 * `kvorum backup DIR`: the records of every partition, merged from R replicas, into a directory of checksummed files
 * (backup-file.ts) and a manifest, while the store serves. A directory without its manifest is no backup.
 */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory } from '../../host/data-directory.js';
import { writeFileDurably } from '../../host/durable-file.js';
import { SERVER_VERSION } from '../../server/version.js';
import { writeBackupFile } from '../backup-file.js';
import {
  BACKUP_FORMAT,
  type BackupFile,
  type BackupManifest,
  instantLines,
  instantsOf,
  MANIFEST_NAME,
  manifestText,
} from '../backup-manifest.js';
import { headerOf } from '../backup-verify.js';
import type { CommandSpec, Invocation } from '../command.js';
import { CliError } from '../exit-codes.js';
import { withStore } from '../open-access.js';
import { rateOf, startProgress } from '../progress.js';
import { formatBytes, formatCount, formatNumber, parseCount, parseFlag } from '../quantities.js';
import type { InstantAnswer, StoreAccess } from '../store-access.js';

/** Partitions under way at the same time. */
const AT_ONCE = 4;

export const backupCommand: CommandSpec = {
  usage: 'backup <dir>',
  summary: 'copy the whole store into a directory of checksummed files, while it serves',
  description:
    'Writes one file for each partition, then a manifest with the SHA-256 of each. Every record is what R replicas hold ' +
    'together: its siblings, types and expiry times. It has every write that was acknowledged before the backup began ' +
    '(where R+W>N); of writes during it, some. Each partition is read at one instant where that is possible, which ' +
    'the end says; two partitions are of different instants. DIR is new, empty, or holds a backup that never ended; ' +
    'without manifest.json it is no backup.',
  ownFlags: ['r'],
  flags: (command) => {
    command.option('--r <count>', "replicas that are merged, 1 to n (default: a majority, or the store's r if more)");
  },
  examples: [
    ['kvorum backup /backups/monday', 'the store in ./kvorum-data, running or not'],
    ['kvorum backup /backups/monday --connect 10.0.0.7:7379', 'of a server elsewhere, to a directory here'],
    ['kvorum verify /backups/monday', 'is it whole?'],
    ['kvorum restore /backups/monday --path ./other', 'into another store, of any shape'],
  ],
  run: (invocation) => {
    const [folder] = invocation.args;
    const find = { create: false, ownFlags: backupCommand.ownFlags ?? [] };
    return withStore(invocation, find, async (access) => {
      await prepare(folder);
      const startedAt = performance.now();
      const manifest = await backUp(invocation, access, folder);
      writeFileDurably(join(folder, MANIFEST_NAME), manifestText(manifest));
      const { files, ...totals } = manifest;
      const perSecond = Math.round(rateOf(totals.records, startedAt));
      const instants = instantsOf(files);
      invocation.output.result({ folder, ...totals, files: files.length, perSecond, ...instants }, () => {
        const size = `${formatBytes(totals.bytes)}, ${formatCount(perSecond)}/s`;
        const what = `backed up ${formatNumber(totals.records, 'record')} of ${formatNumber(files.length, 'partition')} to ${folder} (${size})`;
        return [what, ...instantLines(instants)].join('\n');
      });
      return undefined;
    });
  },
};

/** Makes the directory; what a backup that never ended has left there goes. @throws CliError KV_INPUT */
async function prepare(folder: string): Promise<void> {
  makeDirectory(folder);
  const names = await readdir(folder);
  if (names.includes(MANIFEST_NAME)) {
    throw new CliError('KV_INPUT', `${folder} holds a backup already; name a new directory`, { folder });
  }
  const foreign = names.find((name) => !/^partition-\d{4}\.kvb$/.test(name));
  if (foreign !== undefined) {
    throw new CliError('KV_INPUT', `${folder} is not empty (${foreign}); name a new directory`, { folder });
  }
  for (const name of names) await rm(join(folder, name));
}

async function backUp({ flags, output }: Invocation, access: StoreAccess, folder: string): Promise<BackupManifest> {
  const parseReplicas = (text: string) => parseCount(text, { min: 1, max: 9 });
  const r = flags.r === undefined ? undefined : parseFlag('--r', flags.r, parseReplicas);
  const { partitions, epoch, n, clusterName = '' } = await access.ring();
  const about = { format: BACKUP_FORMAT, clusterName, partitions, n, epoch };
  const startedAt = new Date().toISOString();
  const progress = await startProgress({
    label: 'backing up',
    totalCount: partitions,
    noun: 'partitions',
    quiet: output.json,
  });
  const files: BackupFile[] = [];
  const next = Array.from({ length: partitions }, (_, partition) => partition).values();
  let failed = false;
  const work = async (): Promise<void> => {
    for (const partition of next) {
      if (failed) return;
      const reports: InstantAnswer[] = [];
      const onInstant = (report: InstantAnswer) => void reports.push(report);
      const pages = access.records({ partition, onInstant, ...(r !== undefined && { r }) });
      const file = await writeBackupFile(folder, headerOf(about, partition), pages);
      files.push({ ...file, ...reports[0] });
      progress.update(0, files.length);
    }
  };
  try {
    const lanes = Array.from({ length: AT_ONCE }, () =>
      work().catch((thrown: unknown) => {
        failed = true;
        throw thrown;
      }),
    );
    const ended = await Promise.allSettled(lanes);
    for (const lane of ended) if (lane.status === 'rejected') throw lane.reason;
  } finally {
    progress.stop();
  }
  files.sort((a, b) => a.partition - b.partition);
  const sum = (pick: (file: BackupFile) => number) => files.reduce((total, file) => total + pick(file), 0);
  return {
    ...about,
    version: SERVER_VERSION,
    startedAt,
    endedAt: new Date().toISOString(),
    records: sum(({ records }) => records),
    bytes: sum(({ bytes }) => bytes),
    files,
  };
}
