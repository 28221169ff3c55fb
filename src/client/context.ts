/**
 * The causal token that a read returns and a write takes: a version vector as text. Bytes, then base64url:
 * format (1), hash of the key (4), then for each entry replica (6) and counter (6). It only fits the key it was read of,
 * since a vector of one key would cover values of another that nobody has seen.
 */
import { StoreError } from '../core/errors.js';
import type { Counter, ReplicaId } from '../core/ids.js';
import type { VersionVector } from '../core/version-vector.js';
import { CONTEXT_ENTRIES_MAX } from '../protocol/limits.js';
import type { Context } from './types.js';

const FORMAT = 1;
const HEADER_BYTES = 5;
const ENTRY_BYTES = 12;

export function encodeContext(vector: VersionVector, keyHash: number): Context {
  const bytes = Buffer.alloc(HEADER_BYTES + vector.length * ENTRY_BYTES);
  bytes[0] = FORMAT;
  bytes.writeInt32LE(keyHash, 1);
  let at = HEADER_BYTES;
  for (const { replica, counter } of vector) {
    bytes.writeUIntLE(replica, at, 6);
    bytes.writeUIntLE(counter, at + 6, 6);
    at += ENTRY_BYTES;
  }
  return bytes.toString('base64url') as Context;
}

/** @throws StoreError KV_INVALID_CONTEXT for anything that `encodeContext` did not make for this key */
export function decodeContext(context: Context, keyHash: number): VersionVector {
  if (typeof context !== 'string') throw invalid('it is no string');
  const bytes = Buffer.from(context, 'base64url');
  const entries = (bytes.length - HEADER_BYTES) / ENTRY_BYTES;
  if (bytes[0] !== FORMAT || !Number.isInteger(entries) || entries < 0) throw invalid('it is not whole');
  if (entries > CONTEXT_ENTRIES_MAX) throw invalid('it has too many entries');
  if (bytes.readInt32LE(1) !== keyHash) throw invalid('it was read of another key');
  const vector: { replica: ReplicaId; counter: Counter }[] = [];
  for (let at = HEADER_BYTES; at < bytes.length; at += ENTRY_BYTES) {
    const replica = bytes.readUIntLE(at, 6) as ReplicaId;
    if (replica === 0 || replica <= (vector.at(-1)?.replica ?? 0)) throw invalid('its entries are out of order');
    vector.push({ replica, counter: bytes.readUIntLE(at + 6, 6) as Counter });
  }
  return vector;
}

function invalid(why: string): StoreError {
  return new StoreError(
    'KV_INVALID_CONTEXT',
    `the context cannot be used, ${why}; pass one that a read of this key returned`,
  );
}
