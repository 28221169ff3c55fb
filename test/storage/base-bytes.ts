/** The pages of an LMDB environment on disk, for tests that damage some of them in ways that LMDB survives. */
import { readFileSync, writeFileSync } from 'node:fs';
import {
  type BaseMeta,
  Head,
  META_PAGES,
  PAGE_BYTES,
  PAGE_HEADER_BYTES,
  Page,
  readMetas,
} from '../../src/storage/base-meta.js';

export function newestMeta(file: string): BaseMeta {
  const meta = readMetas(readFileSync(file).subarray(0, META_PAGES * PAGE_BYTES));
  if ('why' in meta) throw new Error(meta.why);
  return meta;
}

/** The first node of the root, a branch, points at a page that is not there. */
export function misleadRoot(file: string): void {
  const bytes = readFileSync(file);
  const page = newestMeta(file).main.root * PAGE_BYTES;
  if (bytes.readUInt16LE(page + Head.flags) !== Page.branch) throw new Error('the root is no branch');
  bytes.writeUInt16LE(0xffff, page + PAGE_HEADER_BYTES + bytes.readUInt16LE(page + PAGE_HEADER_BYTES) + 2);
  writeFileSync(file, bytes);
}

/** Takes the last key from a leaf in the middle of the tree. */
export function shortenLeaf(file: string): void {
  const leaf = leavesOf(file)[1];
  const bytes = readFileSync(file);
  bytes.writeUInt16LE(bytes.readUInt16LE(leaf * PAGE_BYTES + Head.lower) - 2, leaf * PAGE_BYTES + Head.lower);
  writeFileSync(file, bytes);
}

/** Fills every leaf but the first with zeros: LMDB ends the process when it comes to one from the leaf before. */
export function clearLeaves(file: string): void {
  const [, ...leaves] = leavesOf(file);
  const bytes = readFileSync(file);
  for (const leaf of leaves) bytes.fill(0, leaf * PAGE_BYTES, (leaf + 1) * PAGE_BYTES);
  writeFileSync(file, bytes);
}

/** Leaves below the first branch of the main tree, in order. */
function leavesOf(file: string): number[] {
  const bytes = readFileSync(file);
  const { root, depth } = newestMeta(file).main;
  let level = [root];
  for (let left = depth; left > 1; left--) {
    level = level.slice(0, 1).flatMap((page) => childrenOf(bytes, page));
  }
  return level;
}

function childrenOf(bytes: Buffer, page: number): number[] {
  const at = page * PAGE_BYTES + PAGE_HEADER_BYTES;
  return Array.from({ length: bytes.readUInt16LE(at - PAGE_HEADER_BYTES + Head.lower) / 2 }, (_, index) => {
    const node = at + bytes.readUInt16LE(at + index * 2);
    return bytes.readUInt32LE(node) + bytes.readUInt16LE(node + 4) * 2 ** 32;
  });
}
