/**
 * Which keys of a partition a node has changed while somebody watches it: the client that makes one image of the pages of
 * several replicas (src/client/partition-image.ts). Fed by what feeds the hash trees. A branch while nobody watches.
 *
 * Bounded: a few watches a node; each notes so many keys, then it is void; one that nobody asks any more ends.
 */
import type { RecordWatch } from '../src/actor/ports.js';
import { copyWords, keyBytesOf, Rec, recordBytes, slotOfRecord } from '../src/protocol/record.js';
import { keyView } from '../src/protocol/record-digest.js';

/** Open at a time on a node; two backups have no more. */
export const WATCHES_MAX = 8;
export const WATCHED_KEYS_MAX = 16_384;
/** Of the keys that a watch notes, as markers. */
export const WATCHED_BYTES_MAX = 1024 * 1024;
/** A watch of which nobody has asked for so long is over. */
export const WATCH_IDLE_MS = 30_000;

/** Whose watch: the address and the number that a client gave it. */
export interface WatchName {
  readonly owner: number;
  readonly id: number;
  readonly partition: number;
}

export interface ChangeWatch extends WatchName {
  /** A marker by each key: the head of a record that holds nothing, and the key. */
  readonly changed: Map<string, Int32Array>;
  bytes: number;
  isOverflown: boolean;
  askedAtMs: number;
  /** The clock of its node. */
  readonly nowMs: () => number;
}

export class ChangeWatches {
  #open: ChangeWatch[] = [];
  #slotShift = 0;

  get count(): number {
    return this.#open.length;
  }

  /** Notes from now on; false where too many watch already. One of the same name begins anew. */
  begin(name: WatchName, slotShift: number, nowMs: () => number): boolean {
    this.end(name);
    this.#endIdle(nowMs());
    if (this.#open.length >= WATCHES_MAX) return false;
    this.#slotShift = slotShift;
    const { owner, id, partition } = name;
    const watch = { owner, id, partition, changed: new Map(), bytes: 0, isOverflown: false, nowMs };
    this.#open.push({ ...watch, askedAtMs: nowMs() });
    return true;
  }

  /** The watch, which somebody asks about now; undefined where it has ended. */
  ask(name: WatchName, nowMs: number): ChangeWatch | undefined {
    this.#endIdle(nowMs);
    const watch = this.#open.find((one) => isSame(one, name));
    if (watch !== undefined) watch.askedAtMs = nowMs;
    return watch;
  }

  end(name: WatchName): void {
    this.#open = this.#open.filter((one) => !isSame(one, name));
  }

  /** What stands before another watch of the store, and hears of everything first. */
  inFrontOf(behind: RecordWatch): RecordWatch {
    return {
      replaced: (before, from, after, to) => {
        if (this.#open.length > 0) this.#note(from >= 0 ? before : after, from >= 0 ? from : to);
        behind.replaced(before, from, after, to);
      },
      replacedUnread: (words, at) => {
        if (this.#open.length > 0) this.#note(words, at);
        behind.replacedUnread(words, at);
      },
    };
  }

  #note(words: Int32Array, at: number): void {
    const partition = slotOfRecord(words, at) >>> this.#slotShift;
    const watches = this.#open.filter((watch) => watch.partition === partition);
    if (watches.length === 0) return;
    const name = Buffer.from(keyView(words, at)).toString('latin1');
    for (const watch of watches) {
      if (isIdle(watch, watch.nowMs())) this.end(watch);
      else if (!watch.isOverflown && !watch.changed.has(name)) add(watch, name, markerOf(words, at));
    }
  }

  #endIdle(nowMs: number): void {
    this.#open = this.#open.filter((watch) => !isIdle(watch, nowMs));
  }
}

function add(watch: ChangeWatch, name: string, marker: Int32Array): void {
  watch.bytes += marker.byteLength;
  if (watch.changed.size < WATCHED_KEYS_MAX && watch.bytes <= WATCHED_BYTES_MAX) {
    watch.changed.set(name, marker);
    return;
  }
  watch.isOverflown = true;
  watch.changed.clear();
}

/** The head and the key of the record at this word, without a dot and a value. */
function markerOf(words: Int32Array, at: number): Int32Array {
  const bytes = recordBytes(keyBytesOf(words, at), 0, false);
  const marker = new Int32Array(bytes / 4);
  marker[Rec.size] = bytes;
  marker[Rec.keyHash] = words[at + Rec.keyHash];
  marker[Rec.keySlot] = words[at + Rec.keySlot];
  copyWords(words, at + Rec.key, marker, Rec.key, (keyBytesOf(words, at) + 3) >>> 2);
  return marker;
}

/** The node's clock is 32 bits; unsigned, for nobody may look for longer than half a lap of it. */
const isIdle = ({ askedAtMs }: ChangeWatch, nowMs: number): boolean => (nowMs - askedAtMs) >>> 0 > WATCH_IDLE_MS;

const isSame = (a: WatchName, b: WatchName): boolean =>
  a.id === b.id && a.owner === b.owner && a.partition === b.partition;
