/**
 * Records that only a rolled-back disk of this node held: kept as private records for the operator, instead of coming back to
 * life. Bounded: the oldest give way to new ones, and are counted.
 *
 *   private key   kind | 0xff | number (48 bits, rising) | partition (16) | key
 *   value         the record as it stood
 */
import type { Store } from '../src/actor/ports.js';
import { forgetPrivate, PrivateKind, pagePrivate, privateKey, putPrivate } from '../src/actor/private-record.js';

export interface SetAsideLimits {
  readonly recordsMax: number;
  readonly bytesMax: number;
}

const LIMITS: SetAsideLimits = { recordsMax: 10_000, bytesMax: 64 * 1024 * 1024 };
/** Read together when the node starts. */
const PAGE = 64;
/** Behind the partitions with which the keys of an earlier layout begin. */
const NUMBERED = 0xff;
const TWO_32 = 0x1_0000_0000;

export class SetAside {
  /** Their bytes, keys included; and how many have given way since the node's start. */
  bytes = 0;
  dropped = 0;
  readonly #limits: SetAsideLimits;
  /** Oldest first. */
  readonly #kept: { readonly key: Uint8Array; readonly bytes: number }[] = [];
  #next = 0;

  constructor(store: Store, limits = LIMITS) {
    this.#limits = limits;
    const prefix = privateKey(PrivateKind.setAside);
    for (let after: Uint8Array | undefined; ; ) {
      const pairs = pagePrivate(store, prefix, { after, limit: PAGE });
      for (const { key, value } of pairs) this.#count(key, value.length);
      if (pairs.length < PAGE) break;
      after = pairs.at(-1)?.key;
    }
    const last = this.#kept.at(-1)?.key;
    if (last?.[1] === NUMBERED) this.#next = numberIn(last) + 1;
  }

  get records(): number {
    return this.#kept.length;
  }

  /** Keeps a record aside; false where the store has no room: nothing was done. */
  keep(store: Store, partition: number, key: Uint8Array, record: Uint8Array): boolean {
    const rest = new Uint8Array(9 + key.length);
    const view = new DataView(rest.buffer);
    rest[0] = NUMBERED;
    view.setUint16(1, Math.floor(this.#next / TWO_32));
    view.setUint32(3, this.#next % TWO_32);
    view.setUint16(7, partition);
    rest.set(key, 9);
    const name = privateKey(PrivateKind.setAside, rest);
    if (!putPrivate(store, name, record)) return false;
    this.#next++;
    this.#count(name, record.length);
    this.#trim(store);
    return true;
  }

  #count(key: Uint8Array, valueBytes: number): void {
    const bytes = key.length + valueBytes;
    this.#kept.push({ key, bytes });
    this.bytes += bytes;
  }

  #trim(store: Store): void {
    const { recordsMax, bytesMax } = this.#limits;
    while (this.#kept.length > recordsMax || this.bytes > bytesMax) {
      const [oldest] = this.#kept;
      // where there is no room to forget it, the next one tries again
      if (oldest === undefined || !forgetPrivate(store, oldest.key)) return;
      this.#kept.shift();
      this.bytes -= oldest.bytes;
      this.dropped++;
    }
  }
}

function numberIn(key: Uint8Array): number {
  const view = new DataView(key.buffer, key.byteOffset);
  return view.getUint16(2) * TWO_32 + view.getUint32(4);
}
