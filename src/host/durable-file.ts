/** Small files that are replaced as a whole: written beside, synced, renamed, the directory synced. */
import fs from 'node:fs';
import { dirname } from 'node:path';
import { storageError } from '../storage/commit-log.js';

/** @throws StoreError KV_STORAGE_FULL, KV_STORAGE_FAILED: the former file is still there */
export function writeFileDurably(path: string, text: string): void {
  try {
    replace(path, text);
  } catch (error) {
    throw storageError(`cannot write ${path}`, error);
  }
}

function replace(path: string, text: string): void {
  const temporary = `${path}.tmp`;
  const fd = fs.openSync(temporary, 'w', 0o600);
  try {
    // all of it, or an error: a disk that is nearly full takes a part of a single write and calls that a success
    fs.writeFileSync(fd, text);
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
  fs.renameSync(temporary, path);
  const directory = fs.openSync(dirname(path), 'r');
  try {
    fs.fsyncSync(directory);
  } finally {
    fs.closeSync(directory);
  }
}
