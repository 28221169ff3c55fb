/** Whether a record that is to be restored is one: what it holds must be readable as what it says it is. */
import { StoreError } from '../core/errors.js';
import { Tag } from '../protocol/record.js';
import type { StoredRecord, StoredSibling } from './record-types.js';
import { decodeValue } from './values.js';

const TYPES: ReadonlySet<string> = new Set(['bytes', 'string', 'cbor']);

/** @throws StoreError KV_INVALID_KEY, KV_INVALID_VALUE */
export function checkRecord(record: StoredRecord): void {
  if (!(record?.key instanceof Uint8Array))
    throw new StoreError('KV_INVALID_KEY', 'the key of a record is a Uint8Array');
  const { siblings } = record;
  if (!Array.isArray(siblings) || siblings.length === 0) throw invalid('a record has siblings, at least one');
  for (const sibling of siblings) checkSibling(sibling);
}

function checkSibling({ type, value, tombstone, expiresAtMs }: StoredSibling): void {
  if (typeof tombstone !== 'boolean') throw invalid('tombstone of a sibling is true or false');
  if (tombstone) return;
  if (!TYPES.has(type)) throw invalid(`the type of a sibling is bytes, string or cbor, not ${String(type)}`);
  if (!(value instanceof Uint8Array)) throw invalid('the value of a sibling is a Uint8Array');
  if (!(Number.isFinite(expiresAtMs) && expiresAtMs >= 0))
    throw invalid('expiresAtMs of a sibling is a number of milliseconds since 1970, or 0');
  if (type !== 'cbor') return;
  try {
    decodeValue(Tag.cbor, Buffer.from(value.buffer, value.byteOffset, value.length), 0, value.length);
  } catch (thrown) {
    throw invalid('a sibling of type cbor is no CBOR', thrown);
  }
}

function invalid(message: string, cause?: unknown): StoreError {
  return new StoreError('KV_INVALID_VALUE', message, {}, cause);
}
