/**
 * The log's files with faults on demand: a write or a sync fails when its countdown reaches zero, and from then on as
 * long as `broken` says so. A failed write leaves half of its bytes, as a full disk does.
 */
import { type LogFiles, realFiles } from '../../src/storage/log-files.js';

export function errno(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: planted`), { code });
}

export class FaultyFiles implements LogFiles {
  /** Error that every write of more than a block header from now on meets, if any. */
  writeFails: string | undefined;
  syncFails: string | undefined;
  laterFails: string | undefined;
  removeFails: string | undefined;
  /** A full disk: what was written before may be written over, files grow no more. */
  isFull = false;
  /** Background syncs that wait for `finishSyncs`; undefined: they run at once. */
  held: (() => void)[] | undefined;
  /** Open files that have yet to hear of a write-back that failed: the first sync of each does, whoever has asked for it. */
  readonly untold = new Set<number>();
  readonly synced: number[] = [];
  readonly opened = new Set<number>();
  /** Files of which some sync has succeeded that a caller waited for. */
  readonly syncedPaths = new Set<string>();
  readonly #paths = new Map<number, string>();

  create = (path: string) => this.#open(realFiles.create(path), path);
  openRead = (path: string) => this.#open(realFiles.openRead(path), path);
  read = realFiles.read;
  size = realFiles.size;
  truncate = realFiles.truncate;
  move = realFiles.move;
  list = realFiles.list;
  syncDirectory = realFiles.syncDirectory;

  #open(fd: number, path: string): number {
    this.opened.add(fd);
    this.#paths.set(fd, path);
    return fd;
  }

  close(fd: number): void {
    this.opened.delete(fd);
    realFiles.close(fd);
  }

  write(fd: number, bytes: Buffer, start: number, length: number, offset: number): void {
    if (this.isFull && offset + length > realFiles.size(fd)) throw errno('ENOSPC');
    if (this.writeFails === undefined) {
      realFiles.write(fd, bytes, start, length, offset);
      return;
    }
    realFiles.write(fd, bytes, start, length >>> 1, offset);
    throw errno(this.writeFails);
  }

  sync(fd: number): void {
    if (this.syncFails !== undefined) throw errno(this.syncFails);
    if (this.untold.delete(fd)) throw errno('EIO');
    this.synced.push(fd);
    this.syncedPaths.add(this.#paths.get(fd) ?? '');
    realFiles.sync(fd);
  }

  syncLater(fd: number, done: (error: Error | null) => void): void {
    const laterFails = this.untold.delete(fd) ? 'EIO' : this.laterFails;
    const run = () => (laterFails === undefined ? realFiles.syncLater(fd, done) : done(errno(laterFails)));
    if (this.held === undefined) setImmediate(run);
    else this.held.push(run);
  }

  finishSyncs(): void {
    for (const run of this.held ?? []) run();
    this.held = undefined;
  }

  remove(path: string): void {
    if (this.removeFails !== undefined) throw errno(this.removeFails);
    realFiles.remove(path);
  }
}
