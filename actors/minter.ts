/**
 * Under which replica id a vnode mints. A holder does under its node's storage incarnation. A stand-in forgets its records
 * once they are handed over, and with them which of its own dots a key has seen; a later vector of the same id would then
 * claim dots that it never merged, and hide a sibling. So a stand-in mints under an id of its own, and takes another one
 * after the node has forgotten anything.
 */
import type { Env } from '../src/actor/env.js';
import type { Store } from '../src/actor/ports.js';
import { type ReplicaId, replicaId } from '../src/core/ids.js';
import { Rec } from '../src/protocol/record.js';
import { isHolder } from './hint-delivery.js';

const TWO_32 = 0x1_0000_0000;

export class Minter {
  #standIn: ReplicaId = replicaId(0);
  /** What the store had forgotten when the id was drawn. */
  #forgets = -1;

  /** The id for a dot of this partition that is minted now. */
  idFor(partition: number, env: Env): ReplicaId {
    const { placement, store } = env;
    if (isHolder(placement, env.node, partition)) return store.replica;
    if (this.#forgets !== store.forgets) {
      this.#forgets = store.forgets;
      this.#standIn = replicaId((env.random() & 0xffff) * TWO_32 + env.random() || 1);
    }
    return this.#standIn;
  }
}

/** The minters of a node's partitions. */
export class Minters {
  readonly #minters: Minter[] = [];

  of(partition: number): Minter {
    this.#minters[partition] ??= new Minter();
    return this.#minters[partition];
  }
}

/** Whether the record at this word was minted under the id. */
export function isMintedBy({ words }: Pick<Store, 'words'>, at: number, replica: ReplicaId): boolean {
  return (
    words[at + Rec.replicaLow] === (replica | 0) && (words[at + Rec.highs] & 0xffff) === Math.floor(replica / TWO_32)
  );
}
