/** Records put into single nodes of a simulated world, behind the backs of its actors, and what the nodes hold. */
import { emptySet, type SiblingSet } from '../../src/core/siblings.js';
import { encodedBytes, encodeRecord } from '../../src/protocol/record-set.js';
import { partsOf, setOf } from '../../src/sim/messages.js';
import type { SimNode } from '../../src/sim/sim-node.js';

/** Has one node alone hold this record of the key. */
export function putAt(node: Pick<SimNode, 'store'>, key: string, set: SiblingSet): void {
  const { store } = node;
  const parts = partsOf(key);
  const words = new Int32Array((parts.bytes.length + 3) >>> 2);
  Buffer.from(words.buffer).set(parts.bytes);
  store.beginHandler();
  const existing = store.find(words, parts.hash, parts.bytes.length | (parts.slot << 16), 0);
  const at = store.reserve(encodedBytes(parts.bytes.length, set));
  encodeRecord(store.words, store.bytes, at, parts, set);
  store.stage(at, existing);
  store.requireSync();
  store.commit();
  store.publish();
}

/** What a node holds of a key. */
export const heldAt = (node: SimNode, key: string): SiblingSet => {
  const record = node.store.record(key);
  return record === undefined ? emptySet() : setOf(record);
};
