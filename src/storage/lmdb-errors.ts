/** What LMDB's errors are for kvorum: a disk that is full, pages that are damaged, a path that cannot be used, or a failure. */
import { StoreError } from '../core/errors.js';
import { baseDamaged } from './base-damage.js';

const DISK_FULL_CODES: readonly number[] = [28, 122, 27, -30_792]; // ENOSPC, EDQUOT, EFBIG, MDB_MAP_FULL
// MDB_PAGE_NOTFOUND, MDB_CORRUPTED, MDB_VERSION_MISMATCH, MDB_INVALID, MDB_CURSOR_FULL
const DAMAGED_CODES: readonly number[] = [-30_797, -30_796, -30_794, -30_793, -30_787];
/** Of a transaction that has met an error that was told to nobody. */
const BAD_TRANSACTION = -30_782;
const PATH_CODES: readonly string[] = [
  'EACCES',
  'ENOENT',
  'ENOTDIR',
  'EEXIST',
  'EROFS',
  'EPERM',
  'ENAMETOOLONG',
  'ELOOP',
];

/** Whether LMDB has met a page that is none; `suspect`: it may have. */
export function damageOf(error: unknown): 'damaged' | 'suspect' | 'none' {
  const code = codeOf(error);
  if (code === BAD_TRANSACTION) return 'suspect';
  return typeof code === 'number' && DAMAGED_CODES.includes(code) ? 'damaged' : 'none';
}

export function openError(error: unknown, path: string): StoreError {
  if (error instanceof StoreError) return error;
  if (damageOf(error) === 'damaged') return baseDamaged(path, textOf(error));
  const code = codeOf(error);
  const isPath = (typeof code === 'string' && PATH_CODES.includes(code)) || code === 13 || code === 2;
  const text = `the base table at ${path} cannot be opened: ${textOf(error)}`;
  return new StoreError(isPath ? 'KV_PATH' : 'KV_STORAGE_FAILED', text, { path, code }, error);
}

export function readError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const text = `the base table cannot be read: ${textOf(error)}`;
  return new StoreError('KV_STORAGE_FAILED', text, { code: codeOf(error) }, error);
}

/** lmdb rejects with a wrapper whose `commitError` is a promise that rejects with the cause. */
export async function commitCause(error: unknown): Promise<unknown> {
  try {
    await (error as { commitError?: Promise<never> }).commitError;
  } catch (thrown) {
    return thrown;
  }
  return error;
}

export function commitError(cause: unknown, path: string): StoreError {
  const code = codeOf(cause);
  const isFull = typeof code === 'number' && DISK_FULL_CODES.includes(code);
  const text = `the base table cannot be written: ${textOf(cause)}`;
  return new StoreError(isFull ? 'KV_STORAGE_FULL' : 'KV_STORAGE_FAILED', text, { path, code }, cause);
}

export function diskFull(path: string): StoreError {
  return new StoreError('KV_STORAGE_FULL', `the disk of the base table is full, at ${path}`, { path });
}

export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function codeOf(error: unknown): string | number {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' || typeof code === 'number' ? code : 'unknown';
}
