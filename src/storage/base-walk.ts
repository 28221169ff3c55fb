/**
 * Walks the trees of an LMDB environment page by page, without LMDB, which has no checksums and ends the process at a page
 * that makes no sense. What a record says is not looked at: each has its own checksum. Reads every page but those of values
 * that have pages of their own: some hundreds of MiB a second.
 *
 *   page      | header, 24 | offset of each node behind the header, 2 | ... | nodes |
 *   node      | low half, 2 | high half, 2 | flags, 2 | key bytes, 2 | key | data |
 *   branch    its halves and flags are the number of the page below; no data
 *   leaf      its halves are the bytes of the data; a large value has | page, 8 | transaction, 8 | pages, 8 | instead
 */
import { readSync } from 'node:fs';
import { type BaseMeta, type BaseTree, Head, META_PAGES, PAGE_BYTES, PAGE_HEADER_BYTES, Page } from './base-meta.js';

const NODE_HEADER_BYTES = 8;
const Node = { low: 0, high: 2, flags: 4, keyBytes: 6 } as const;
const BIG_VALUE = 1;
const BIG_VALUE_BYTES = 24;
const BIG_VALUE_PAGES = 16;

/** Why a page of the environment makes no sense; undefined where all do. @throws a system error */
export function brokenPage(fd: number, fileBytes: number, meta: BaseMeta): string | undefined {
  const walk = new BaseWalk(fd, fileBytes, meta.lastPage);
  // LMDB orders the keys of its free tree as numbers
  return walk.tree(meta.main, true) ?? walk.tree(meta.free, false);
}

/** The same of the two root pages alone. */
export function brokenRoot(fd: number, fileBytes: number, meta: BaseMeta): string | undefined {
  const walk = new BaseWalk(fd, fileBytes, meta.lastPage);
  return walk.root(meta.main) ?? walk.root(meta.free);
}

interface Step {
  readonly page: number;
  /** Levels from here to the leaves, itself included. */
  readonly levels: number;
}

class BaseWalk {
  readonly #fd: number;
  readonly #fileBytes: number;
  readonly #lastPage: number;
  readonly #page = Buffer.alloc(PAGE_BYTES);
  readonly #head = Buffer.alloc(PAGE_HEADER_BYTES);
  /** A bit for each page that was met. */
  #met: Uint8Array | undefined;
  #entries = 0;

  constructor(fd: number, fileBytes: number, lastPage: number) {
    this.#fd = fd;
    this.#fileBytes = fileBytes;
    this.#lastPage = lastPage;
  }

  root({ root, depth }: BaseTree): string | undefined {
    if (root === -1) return undefined;
    return this.#read({ page: root, levels: depth });
  }

  tree({ root, depth, entries }: BaseTree, isOrdered: boolean): string | undefined {
    this.#met ??= new Uint8Array((this.#lastPage >>> 3) + 1);
    this.#entries = 0;
    const steps: Step[] = root === -1 ? [] : [{ page: root, levels: depth }];
    for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
      const why = this.#meet(step.page, 1) ?? this.#read(step) ?? this.#nodes(step, isOrdered, steps);
      if (why !== undefined) return why;
    }
    return this.#entries === entries ? undefined : `${this.#entries} entries were found of ${entries}`;
  }

  /** Notes pages that something points at. */
  #meet(page: number, count: number): string | undefined {
    const isInside = page >= META_PAGES && count >= 1 && page + count - 1 <= this.#lastPage;
    if (!isInside) return `page ${page} is pointed at, which there is not`;
    const met = this.#met as Uint8Array;
    for (let at = page; at < page + count; at++) {
      if ((met[at >>> 3] & (1 << (at & 7))) !== 0) return `page ${at} is pointed at twice`;
      met[at >>> 3] |= 1 << (at & 7);
    }
    return (page + count) * PAGE_BYTES > this.#fileBytes ? `page ${page} is behind the end of the file` : undefined;
  }

  /** Reads a page of a tree and checks its header. */
  #read({ page, levels }: Step): string | undefined {
    const bytes = this.#page;
    const isWhole = readSync(this.#fd, bytes, 0, PAGE_BYTES, page * PAGE_BYTES) === PAGE_BYTES;
    const kind = levels === 1 ? Page.leaf : Page.branch;
    const [lower, upper] = [bytes.readUInt16LE(Head.lower), bytes.readUInt16LE(Head.upper)];
    const isOfTree = isWhole && isPage(bytes, page, kind);
    const hasNodes = lower >= 2 && lower % 2 === 0 && lower <= upper && upper <= PAGE_BYTES - PAGE_HEADER_BYTES;
    return isOfTree && hasNodes ? undefined : `page ${page} is damaged`;
  }

  /** Checks the nodes of the page that was read, and adds those below it. */
  #nodes({ page, levels }: Step, isOrdered: boolean, steps: Step[]): string | undefined {
    const bytes = this.#page;
    const upper = bytes.readUInt16LE(Head.upper);
    const count = bytes.readUInt16LE(Head.lower) / 2;
    let before: Buffer | undefined;
    for (let index = 0; index < count; index++) {
      const offset = bytes.readUInt16LE(PAGE_HEADER_BYTES + index * 2);
      const at = PAGE_HEADER_BYTES + offset;
      if (offset < upper || at + NODE_HEADER_BYTES > PAGE_BYTES) return `page ${page} is damaged`;
      const dataAt = at + NODE_HEADER_BYTES + bytes.readUInt16LE(at + Node.keyBytes);
      const key = bytes.subarray(at + NODE_HEADER_BYTES, dataAt);
      const isBehind = !isOrdered || before === undefined || Buffer.compare(before, key) < 0;
      if (dataAt > PAGE_BYTES || !isBehind) return `page ${page} is damaged`;
      before = key;
      const half = bytes.readUInt16LE(at + Node.low) + bytes.readUInt16LE(at + Node.high) * 2 ** 16;
      const flags = bytes.readUInt16LE(at + Node.flags);
      if (levels > 1) steps.push({ page: half + flags * 2 ** 32, levels: levels - 1 });
      else {
        const why = this.#value(page, { dataAt, dataBytes: half, flags });
        if (why !== undefined) return why;
        this.#entries++;
      }
    }
    return undefined;
  }

  #value(page: number, node: { dataAt: number; dataBytes: number; flags: number }): string | undefined {
    const { dataAt, dataBytes, flags } = node;
    const isBig = flags === BIG_VALUE;
    const endsAt = dataAt + (isBig ? BIG_VALUE_BYTES : dataBytes);
    if (endsAt > PAGE_BYTES || (flags !== 0 && !isBig)) return `page ${page} is damaged`;
    if (!isBig) return undefined;
    const first = Number(this.#page.readBigInt64LE(dataAt));
    const pages = Number(this.#page.readBigInt64LE(dataAt + BIG_VALUE_PAGES));
    if (pages < dataBytes / PAGE_BYTES) return `page ${page} is damaged`;
    return this.#meet(first, pages) ?? this.#overflow(first);
  }

  #overflow(page: number): string | undefined {
    readSync(this.#fd, this.#head, 0, PAGE_HEADER_BYTES, page * PAGE_BYTES);
    return isPage(this.#head, page, Page.overflow) ? undefined : `page ${page} is damaged`;
  }
}

const isPage = (bytes: Buffer, page: number, kind: number): boolean =>
  Number(bytes.readBigInt64LE(Head.number)) === page && (bytes.readUInt16LE(Head.flags) & Page.kinds) === kind;
