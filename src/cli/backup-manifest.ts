/**
 * The manifest of a backup, `manifest.json`: what was backed up, and the SHA-256 of every file. It is written last, so
 * a directory without one is no backup, or one that never ended.
 *
 *   {"format":1, "clusterName", "partitions", "n", "epoch", "version", "startedAt", "endedAt", "records", "bytes",
 *    "files":[{"name","partition","records","bytes","sha256","instant","reason"?}], "sha256": of the JSON of all before it}
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StoreError } from '../core/errors.js';
import { CliError } from './exit-codes.js';
import { formatNumber } from './quantities.js';
import type { InstantAnswer } from './store-access.js';

export const BACKUP_FORMAT = 1;
export const MANIFEST_NAME = 'manifest.json';

export interface BackupFile {
  readonly name: string;
  readonly partition: number;
  readonly records: number;
  readonly bytes: number;
  readonly sha256: string;
  /** Whether its records are those of one instant; not there in backups that were made before that was asked for. */
  readonly instant?: boolean;
  /** Why they are not. */
  readonly reason?: InstantLack;
}

export interface BackupManifest {
  readonly format: number;
  readonly clusterName: string;
  readonly partitions: number;
  readonly n: number;
  /** Of the ring when the backup began. */
  readonly epoch: number;
  /** Of the kvorum that made it. */
  readonly version: string;
  readonly startedAt: string;
  readonly endedAt: string;
  readonly records: number;
  readonly bytes: number;
  readonly files: readonly BackupFile[];
}

/** Why a file does not show one instant. */
export type InstantLack = Extract<InstantAnswer, { readonly instant: false }>['reason'];

/** How many files show one instant, and which do not. */
export interface Instants {
  readonly instants: number;
  readonly notInstant: readonly { readonly partition: number; readonly reason: InstantLack | 'unknown' }[];
}

export function instantsOf(files: readonly BackupFile[]): Instants {
  const notInstant = files
    .filter(({ instant }) => instant !== true)
    .map(({ partition, reason }) => ({ partition, reason: reason ?? ('unknown' as const) }));
  return { instants: files.length - notInstant.length, notInstant };
}

const REASONS: Readonly<Record<Instants['notInstant'][number]['reason'], string>> = {
  'too-large': 'larger than an image of it may be',
  'no-room': 'larger than memory, and too little room on the disk for an image of it',
  'too-busy': 'written to all the time',
  'ring-changing': 'its holders changed',
  unavailable: 'a replica failed',
  'older-server': 'the server was of a version that cannot be asked for one',
  unknown: 'made by a version that did not ask for one',
};

/** The same as lines for people; at most one for each reason. */
export function instantLines({ instants, notInstant }: Instants): string[] {
  const all = instants + notInstant.length;
  const lines = [`each at one instant of its own: ${instants} of ${formatNumber(all, 'partition')}`];
  for (const reason of new Set(notInstant.map((one) => one.reason))) {
    const partitions = notInstant.filter((one) => one.reason === reason).map(({ partition }) => partition);
    lines.push(
      `of no one instant (${REASONS[reason] ?? reason}): ${formatNumber(partitions.length, 'partition')}, ${listed(partitions)}`,
    );
  }
  return lines;
}

const LISTED_MAX = 12;

function listed(partitions: readonly number[]): string {
  const some = partitions.slice(0, LISTED_MAX).join(', ');
  return partitions.length > LISTED_MAX ? `${some}, ...` : some;
}

export function manifestText(manifest: BackupManifest): string {
  return `${JSON.stringify({ ...manifest, sha256: sha256(bodyOf(manifest)) }, null, 2)}\n`;
}

/** @throws CliError KV_INPUT where there is none or it is damaged; StoreError KV_FORMAT_TOO_NEW */
export async function readManifest(folder: string): Promise<BackupManifest> {
  const path = join(folder, MANIFEST_NAME);
  const text = await readFile(path, 'utf8').catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code !== 'ENOENT') throw thrown;
    const message = `${folder} has no ${MANIFEST_NAME}: it is no backup, or one that was never finished`;
    throw new CliError('KV_INPUT', message, { path }, thrown);
  });
  const manifest = parsed(text);
  if (manifest === undefined) throw damaged(path);
  const { format } = manifest;
  if (typeof format === 'number' && format > BACKUP_FORMAT) {
    const message = `${path} has format ${format}, this version reads up to ${BACKUP_FORMAT}; upgrade kvorum`;
    throw new StoreError('KV_FORMAT_TOO_NEW', message, { path, format });
  }
  const { sha256: stated, ...body } = manifest;
  if (stated !== sha256(bodyOf(body))) throw damaged(path);
  return body;
}

function parsed(text: string): (BackupManifest & { readonly sha256?: string }) | undefined {
  try {
    const value = JSON.parse(text) as BackupManifest | null;
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

const bodyOf = (manifest: BackupManifest): string => JSON.stringify(manifest);

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

function damaged(path: string): CliError {
  return new CliError('KV_INPUT', `${path} is damaged: its checksum is wrong`, { path, file: MANIFEST_NAME });
}
