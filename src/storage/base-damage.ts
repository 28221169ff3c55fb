/**
 * A base table whose pages are damaged: its error, the notes that a life leaves in its directory for the next one, and where it
 * stands for the operator. The notes go where the table goes, so one that is put back from a copy has none.
 *
 *   damaged    LMDB has met a broken page: what it said
 *   unproven   lives in a row that have ended before they had read every key; a broken page may have ended them, and the process
 */
import { existsSync, readFileSync, renameSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { StoreError } from '../core/errors.js';
import { storageError } from './commit-log.js';
import { realFiles } from './log-files.js';

/** What was set aside. */
export interface BaseDamage {
  /** Directory of the base table. */
  readonly base: string;
  readonly reason: string;
  /** Where it stands now; absent where it could not be kept. */
  readonly keptAs?: string;
}

/** Name of the one that is kept of a node. */
export const DAMAGED_BASE = 'base';
/** From so many lives on each page is looked at. */
export const UNPROVEN_MAX = 2;

const DAMAGED_NOTE = 'damaged';
const UNPROVEN_NOTE = 'unproven';

/** The error of a base table that is damaged as a whole, not in one of its records. */
export function baseDamaged(path: string, reason: string): StoreError {
  return new StoreError('KV_CORRUPT', `the base table at ${path} is damaged: ${reason}`, { base: path, reason });
}

/** Whether an error is that one. */
export const isOfBase = ({ code, details }: StoreError): boolean => code === 'KV_CORRUPT' && details.base !== undefined;

/** What the note of a former life says; undefined where there is none. */
export function damageNoted(path: string): string | undefined {
  return readNote(path, DAMAGED_NOTE);
}

export function noteDamage(path: string, reason: string): void {
  writeNote(path, DAMAGED_NOTE, reason);
}

/** Lives in a row that have not read every key. */
export function unprovenLives(path: string): number {
  return Number(readNote(path, UNPROVEN_NOTE) ?? 0) || 0;
}

export function noteUnproven(path: string, lives: number): void {
  writeNote(path, UNPROVEN_NOTE, String(lives));
}

/** Every key was read, or the table is closed. */
export function noteProven(path: string): void {
  rmSync(join(path, UNPROVEN_NOTE), { force: true });
}

/**
 * Moves the base table to the folder for the operator, in place of an earlier one; removes it where it cannot be moved, or
 * where what is to come would find no room beside it. Returns where it stands.
 * @throws StoreError KV_STORAGE_FAILED where it can be neither moved nor removed
 */
export function setBaseAside(path: string, asideDirectory: string): string | undefined {
  const to = join(asideDirectory, DAMAGED_BASE);
  try {
    rmSync(to, { recursive: true, force: true });
    if (hasRoomBeside(path)) {
      realFiles.move(path, to);
      return to;
    }
  } catch {
    // it is of use to the operator alone
  }
  try {
    rmSync(path, { recursive: true, force: true });
    realFiles.syncDirectory(dirname(path));
  } catch (error) {
    throw storageError(`cannot remove ${path}`, error);
  }
  return undefined;
}

/** Whether the disk takes as much again. */
function hasRoomBeside(path: string): boolean {
  const file = join(path, 'data.mdb');
  const { bavail, bsize } = statfsSync(path);
  return !existsSync(file) || bavail * bsize > statSync(file).size;
}

function readNote(path: string, name: string): string | undefined {
  try {
    return readFileSync(join(path, name), 'utf8');
  } catch {
    return undefined;
  }
}

/** Written by a rename, so that it is there whole or not at all; a disk that refuses it leaves things as they were. */
function writeNote(path: string, name: string, text: string): void {
  const to = join(path, name);
  try {
    writeFileSync(`${to}.tmp`, text);
    renameSync(`${to}.tmp`, to);
  } catch {
    // the next life may find it by itself
  }
}
