/**
 * Looks at an LMDB environment before LMDB opens it, since lmdb crashes the process where LMDB refuses to, or meets a page that
 * makes no sense. Two pages and two more are read each time; all of them where something says that they may be damaged: a file that is
 * shorter than its meta page says, which is right where the pages behind its end are free, and lives that did not last.
 */
import { accessSync, closeSync, constants, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { StoreError } from '../core/errors.js';
import { baseDamaged, damageNoted, noteUnproven, UNPROVEN_MAX, unprovenLives } from './base-damage.js';
import { META_PAGES, PAGE_BYTES, readMetas } from './base-meta.js';
import { brokenPage, brokenRoot } from './base-walk.js';

/** Pages that LMDB has taken and given back within a transaction stand at the end of the file, unwritten; they are not more. */
const MISSING_BYTES_MAX = 256 * 1024 * 1024;

/**
 * Before a life opens it; counts the life as one that did not last, until `noteProven`. `mustExist`: records were moved to it.
 * @throws StoreError KV_CORRUPT (see `isOfBase`), KV_FORMAT_TOO_NEW; a system error
 */
export function beginBaseLife(path: string, mustExist: boolean): void {
  const noted = damageNoted(path);
  if (noted !== undefined) throw baseDamaged(path, noted);
  const lives = unprovenLives(path);
  const isThere = checkBase(path, lives >= UNPROVEN_MAX);
  if (!isThere && mustExist) throw baseDamaged(path, 'data.mdb is empty, or gone, and records had been moved to it');
  noteUnproven(path, Math.min(lives, UNPROVEN_MAX - 1) + 1);
}

/**
 * Whether there is an environment; `isSuspect`: each of its pages is looked at.
 * @throws StoreError KV_CORRUPT (see `isOfBase`), KV_FORMAT_TOO_NEW; a system error
 */
export function checkBase(path: string, isSuspect = false): boolean {
  accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  for (const name of ['data.mdb', 'lock.mdb']) {
    const file = join(path, name);
    if (existsSync(file)) accessSync(file, constants.R_OK | constants.W_OK);
  }
  const file = join(path, 'data.mdb');
  if (!existsSync(file)) return false;
  const fd = openSync(file, 'r');
  try {
    const why = whatIsWrong(fd, path, isSuspect);
    if (why !== undefined) throw baseDamaged(path, why);
    return fstatSync(fd).size > 0;
  } finally {
    closeSync(fd);
  }
}

function whatIsWrong(fd: number, path: string, isSuspect: boolean): string | undefined {
  const { size } = fstatSync(fd);
  // LMDB makes it anew
  if (size === 0) return undefined;
  const start = Buffer.alloc(META_PAGES * PAGE_BYTES);
  const meta = readMetas(start.subarray(0, readSync(fd, start, 0, start.length, 0)));
  if ('why' in meta) {
    if (meta.version === undefined) return meta.why;
    const message = `the base table at ${path} has format ${meta.version} of LMDB; upgrade kvorum`;
    throw new StoreError('KV_FORMAT_TOO_NEW', message, { path, format: meta.version });
  }
  const missingBytes = (meta.lastPage + 1) * PAGE_BYTES - size;
  if (missingBytes > size + MISSING_BYTES_MAX) return 'a meta page is damaged, or most of the file is gone';
  const isShort = missingBytes > 0;
  return isSuspect || isShort ? brokenPage(fd, size, meta) : brokenRoot(fd, size, meta);
}
