/**
 * Under which replica id a vnode mints: one under which it has merged every dot that it ever minted of the key. A later
 * vector of an id would else claim dots that it never merged, and hide a sibling.
 *
 *   holder     its node's storage incarnation, until a record that it could not read was replaced by what the others hold:
 *              its own dots of that key may not be among them. From then on an id of its own, kept on disk, for the partition
 *   stand-in   forgets its records once they are handed over, and with them which of its own dots a key has seen: an id of
 *              its own, and another one after the node has forgotten anything
 */
import type { Env } from '../src/actor/env.js';
import type { Store } from '../src/actor/ports.js';
import { getPrivate, PrivateKind, privateKey, putPrivate, unlessCorrupt } from '../src/actor/private-record.js';
import { type ReplicaId, replicaId } from '../src/core/ids.js';
import { Rec } from '../src/protocol/record.js';
import { isHolder } from './hint-delivery.js';

const TWO_32 = 0x1_0000_0000;
/** Bits for the hashes of the keys that were minted under an id. */
const KEYS_BITS = 16_384;

export class Minter {
  readonly #partition: number;
  #standIn: ReplicaId = replicaId(0);
  /** What the store had forgotten when the id was drawn. */
  #forgets = -1;
  /** In place of the storage incarnation; 0 for none, undefined as long as the disk was not asked. */
  #own: number | undefined;
  /** Hashes of the keys that may have dots of that id; undefined for any key. */
  #keys: Uint8Array | undefined;

  constructor(partition: number) {
    this.#partition = partition;
  }

  /** The id for a dot of a key of the partition that is minted now. @throws StoreError KV_OVERLOADED */
  idFor(keyHash: number, env: Env): ReplicaId {
    const { placement, store } = env;
    if (isHolder(placement, env.node, this.#partition)) {
      this.#own ??= this.#load(env);
      if (this.#own === 0) return store.replica;
      if (this.#keys !== undefined) this.#keys[byteOf(keyHash)] |= bitOf(keyHash);
      return replicaId(this.#own);
    }
    if (this.#forgets !== store.forgets) {
      this.#forgets = store.forgets;
      this.#standIn = draw(env);
    }
    return this.#standIn;
  }

  /**
   * A record of the partition that cannot be read is about to be replaced: from here on an id that has no dots of its key.
   * False where the store has no room. @throws StoreError KV_OVERLOADED
   */
  renounce(keyHash: number, env: Env): boolean {
    this.#forgets = -1;
    this.#own ??= this.#load(env);
    const isFree = this.#keys !== undefined && (this.#keys[byteOf(keyHash)] & bitOf(keyHash)) === 0;
    const own = isFree ? replicaId(this.#own) : draw(env);
    // in any case: what an undone handler has saved is gone
    if (!save(env.store, this.#partition, own)) return false;
    if (isFree) return true;
    this.#own = own;
    this.#keys = new Uint8Array(KEYS_BITS / 8);
    return true;
  }

  #load(env: Env): number {
    const { store } = env;
    const value = unlessCorrupt(() => getPrivate(store, keyOf(this.#partition)));
    // it may have been any: one of this life is none of them
    if (value === 'corrupt') return draw(env);
    if (value === undefined) return 0;
    const bytes = Buffer.from(value);
    // drawn under another incarnation, whose log may have counted these dots already
    return bytes.readUIntLE(0, 6) === store.replica ? bytes.readUIntLE(6, 6) : 0;
  }
}

const byteOf = (keyHash: number): number => (keyHash >>> 3) % (KEYS_BITS / 8);
const bitOf = (keyHash: number): number => 1 << (keyHash & 7);

const draw = (env: Env): ReplicaId => replicaId((env.random() & 0xffff) * TWO_32 + env.random() || 1);

function keyOf(partition: number): Uint8Array {
  return privateKey(PrivateKind.minter, Uint8Array.of(partition >>> 8, partition));
}

function save(store: Store, partition: number, own: ReplicaId): boolean {
  const value = Buffer.alloc(12);
  value.writeUIntLE(store.replica, 0, 6);
  value.writeUIntLE(own, 6, 6);
  return putPrivate(store, keyOf(partition), value);
}

/** The minters of a node's partitions. */
export class Minters {
  /** Records that could not be read, and were replaced, in this life. */
  replaced = 0;
  readonly #minters: Minter[] = [];

  of(partition: number): Minter {
    this.#minters[partition] ??= new Minter(partition);
    return this.#minters[partition];
  }
}

/** Whether the record at this word was minted under the id. */
export function isMintedBy({ words }: Pick<Store, 'words'>, at: number, replica: ReplicaId): boolean {
  return (
    words[at + Rec.replicaLow] === (replica | 0) && (words[at + Rec.highs] & 0xffff) === Math.floor(replica / TWO_32)
  );
}
