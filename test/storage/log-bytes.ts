/** The bytes of a commit log on disk, for tests that change some of them. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SEGMENT_HEADER_BYTES } from '../../src/storage/log-block.js';

export interface Block {
  readonly path: string;
  readonly at: number;
  readonly bytes: number;
  /** Blocks before it. */
  readonly turn: number;
}

/** Where the blocks of a log stand, oldest first; what a segment reserves ahead is cut. */
export function blocksOf(folder: string): Block[] {
  const blocks: Block[] = [];
  for (const name of readdirSync(folder).sort()) {
    const path = join(folder, name);
    const log = readFileSync(path);
    let at = SEGMENT_HEADER_BYTES;
    for (; at < log.length && log.readInt32LE(at) !== 0; at += log.readInt32LE(at + 12)) {
      blocks.push({ path, at, bytes: log.readInt32LE(at + 12), turn: blocks.length });
    }
    writeFileSync(path, log.subarray(0, at));
  }
  return blocks;
}

/** Changes a file: in place, or to what is returned. */
export function change(path: string, what: (bytes: Buffer) => Buffer | undefined): void {
  const bytes = readFileSync(path);
  writeFileSync(path, what(bytes) ?? bytes);
}

export const flip = (path: string, at: number, bit = 6): void =>
  change(path, (bytes) => {
    bytes[at] ^= 1 << bit;
    return undefined;
  });
