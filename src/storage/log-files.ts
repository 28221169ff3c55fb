/**
 * The file calls that the commit log makes, as an object: tests hand in one whose writes and syncs fail on demand.
 */
import fs from 'node:fs';
import { dirname } from 'node:path';

export interface LogFiles {
  /** Opens for reading and writing, creating the file. */
  create(path: string): number;
  openRead(path: string): number;
  write(fd: number, bytes: Buffer, start: number, length: number, offset: number): void;
  read(fd: number, bytes: Buffer, start: number, length: number, offset: number): number;
  size(fd: number): number;
  sync(fd: number): void;
  syncLater(fd: number, done: (error: Error | null) => void): void;
  close(fd: number): void;
  /** Cuts the file, durably. */
  truncate(path: string, bytes: number): void;
  remove(path: string): void;
  /** Moves a file to another directory, which is made where it is missing, durably. */
  move(from: string, to: string): void;
  list(directory: string): string[];
  /** Makes creations and removals in the directory durable. */
  syncDirectory(directory: string): void;
}

/** The real files. Every call throws what `node:fs` throws. */
export const realFiles: LogFiles = {
  create: (path) => fs.openSync(path, 'w+', 0o600),
  openRead: (path) => fs.openSync(path, 'r'),
  write(fd, bytes, start, length, offset) {
    let done = 0;
    while (done < length) done += fs.writeSync(fd, bytes, start + done, length - done, offset + done);
  },
  read: (fd, bytes, start, length, offset) => fs.readSync(fd, bytes, start, length, offset),
  size: (fd) => fs.fstatSync(fd).size,
  sync: (fd) => fs.fdatasyncSync(fd),
  syncLater: (fd, done) => fs.fdatasync(fd, done),
  close: (fd) => fs.closeSync(fd),
  truncate(path, bytes) {
    const fd = fs.openSync(path, 'r+');
    try {
      fs.ftruncateSync(fd, bytes);
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  },
  remove(path) {
    if (!fs.existsSync(path)) return;
    const fd = fs.openSync(path, 'r');
    fs.rmSync(path, { force: true });
    // the last reference: giving a segment's blocks and pages back takes many milliseconds, on another thread here
    fs.close(fd, () => undefined);
  },
  move(from, to) {
    fs.mkdirSync(dirname(to), { recursive: true });
    fs.renameSync(from, to);
    syncDirectory(dirname(to));
    syncDirectory(dirname(from));
  },
  list: (directory) => fs.readdirSync(directory),
  syncDirectory,
};

function syncDirectory(directory: string): void {
  const fd = fs.openSync(directory, 'r');
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}
