/**
 * The two meta pages of an LMDB environment (lmdb.h's file format 2), read without LMDB: it crashes the process where it meets
 * what it did not write, so what it is to believe is looked at before.
 *
 *   page header, 24 bytes   | number, 8 | transaction, 8 | pad, 2 | flags, 2 | lower, 2 | upper, 2 |
 *   meta, behind it         | magic, 4 | version, 4 | address, 8 | map size, 8 | free tree, 48 | main tree, 48 | last page, 8 | transaction, 8 |
 *   tree                    | pad, 4 | flags, 2 | depth, 2 | branches, 8 | leaves, 8 | overflows, 8 | entries, 8 | root, 8 |
 */

export interface BaseTree {
  readonly depth: number;
  readonly entries: number;
  /** Pages of all kinds. */
  readonly pages: number;
  /** Page number of its root; -1 where the tree is empty. */
  readonly root: number;
}

/** A committed state of the environment. */
export interface BaseMeta {
  readonly transaction: number;
  readonly lastPage: number;
  /** The tree of the pages that can be used again. */
  readonly free: BaseTree;
  readonly main: BaseTree;
}

export const PAGE_BYTES = 4096;
export const PAGE_HEADER_BYTES = 24;
/** LMDB's two meta pages. */
export const META_PAGES = 2;
/** Flags of a page. */
export const Page = { branch: 1, leaf: 2, overflow: 4, meta: 8, kinds: 0x6f } as const;
/** Where the fields of a page header are. */
export const Head = { number: 0, flags: 18, lower: 20, upper: 22, pages: 20 } as const;

const MAGIC = 0xbeefc0de;
const VERSION = 2;
const Meta = { magic: 24, version: 28, free: 48, main: 96, lastPage: 144, transaction: 152 } as const;
const Tree = {
  pageBytes: 0,
  flags: 4,
  depth: 6,
  branches: 8,
  leaves: 16,
  overflows: 24,
  entries: 32,
  root: 40,
} as const;
/** LMDB's own bound of a path down a tree. */
const DEPTH_MAX = 32;
/** Of the environment: its pages are encrypted. */
const ENCRYPTED = 0x2000;

/**
 * The newest state that two meta pages tell of, or why they cannot be believed; `version`: a later format, whole as far as can
 * be told.
 */
export function readMetas(pages: Buffer): BaseMeta | { readonly why: string; readonly version?: number } {
  if (pages.length < META_PAGES * PAGE_BYTES) return { why: 'data.mdb ends within its meta pages' };
  const both = [pages.subarray(0, PAGE_BYTES), pages.subarray(PAGE_BYTES)];
  const isLmdb = both.every(
    (page) => page.readUInt32LE(Meta.magic) === MAGIC && (page.readUInt16LE(Head.flags) & Page.meta) !== 0,
  );
  if (!isLmdb) return { why: 'data.mdb is none of LMDB' };
  const [version, other] = both.map((page) => page.readUInt16LE(Meta.version));
  if (version === other && version > VERSION) return { why: 'data.mdb has a later format', version };
  for (const page of both) {
    const isOurs = page.readUInt32LE(Meta.free + Tree.pageBytes) === PAGE_BYTES;
    const isEncrypted = (page.readUInt16LE(Meta.free + Tree.flags) & ENCRYPTED) !== 0;
    if (page.readUInt16LE(Meta.version) !== VERSION || !isOurs || isEncrypted) return { why: 'a meta page is damaged' };
  }
  const [first, second] = both.map(metaOf);
  const newest = second.transaction > first.transaction ? second : first;
  return isPlausible(newest) ? newest : { why: 'a meta page is damaged' };
}

function metaOf(page: Buffer): BaseMeta {
  return {
    transaction: wide(page, Meta.transaction),
    lastPage: wide(page, Meta.lastPage),
    free: treeOf(page, Meta.free),
    main: treeOf(page, Meta.main),
  };
}

function treeOf(page: Buffer, at: number): BaseTree {
  return {
    depth: page.readUInt16LE(at + Tree.depth),
    entries: wide(page, at + Tree.entries),
    pages: wide(page, at + Tree.branches) + wide(page, at + Tree.leaves) + wide(page, at + Tree.overflows),
    root: wide(page, at + Tree.root),
  };
}

/** A number of 64 bits; exact below 2^53, and -1 for LMDB's "no page". */
const wide = (page: Buffer, at: number): number => Number(page.readBigInt64LE(at));

function isPlausible({ lastPage, free, main }: BaseMeta): boolean {
  if (!Number.isSafeInteger(lastPage) || lastPage < META_PAGES - 1) return false;
  const fits = ({ depth, entries, pages, root }: BaseTree): boolean => {
    if (root === -1) return depth === 0 && entries === 0;
    return root >= META_PAGES && root <= lastPage && depth >= 1 && depth <= DEPTH_MAX && entries > 0 && pages > 0;
  };
  return fits(free) && fits(main) && free.pages + main.pages <= lastPage + 1 - META_PAGES;
}
