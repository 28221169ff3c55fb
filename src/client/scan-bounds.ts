/** The bounds of a scan as bytes: a prefix becomes a range, and of two bounds on one side the tighter holds. */
import { StoreError } from '../core/errors.js';
import { KEY_BYTES_MAX } from '../protocol/limits.js';
import type { Key, ScanOptions } from './types.js';

export interface ScanBounds {
  readonly gt?: Uint8Array;
  readonly gte?: Uint8Array;
  readonly lt?: Uint8Array;
  readonly lte?: Uint8Array;
  readonly reverse: boolean;
  readonly limit?: number;
}

/** @throws StoreError KV_INVALID_OPTION */
export function boundsOf(options: ScanOptions): ScanBounds {
  let low = lower(bytesOf('gt', options.gt), bytesOf('gte', options.gte));
  let high = upper(bytesOf('lt', options.lt), bytesOf('lte', options.lte));
  const prefix = bytesOf('prefix', options.prefix);
  if (prefix !== undefined && prefix.length > 0) {
    if (low === undefined || Buffer.compare(low.key, prefix) < 0) low = { key: prefix, inclusive: true };
    const end = afterPrefix(prefix);
    if (end !== undefined && (high === undefined || Buffer.compare(high.key, end) >= 0))
      high = { key: end, inclusive: false };
  }
  return {
    ...(low !== undefined && (low.inclusive ? { gte: low.key } : { gt: low.key })),
    ...(high !== undefined && (high.inclusive ? { lte: high.key } : { lt: high.key })),
    reverse: options.reverse === true,
  };
}

interface Bound {
  readonly key: Uint8Array;
  readonly inclusive: boolean;
}

function lower(gt: Uint8Array | undefined, gte: Uint8Array | undefined): Bound | undefined {
  if (gt !== undefined && (gte === undefined || Buffer.compare(gt, gte) >= 0)) return { key: gt, inclusive: false };
  return gte === undefined ? undefined : { key: gte, inclusive: true };
}

function upper(lt: Uint8Array | undefined, lte: Uint8Array | undefined): Bound | undefined {
  if (lt !== undefined && (lte === undefined || Buffer.compare(lt, lte) <= 0)) return { key: lt, inclusive: false };
  return lte === undefined ? undefined : { key: lte, inclusive: true };
}

/** The first key behind all keys with this prefix; undefined where there is none (all bytes are 255). */
function afterPrefix(prefix: Uint8Array): Uint8Array | undefined {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length--;
  if (length === 0) return undefined;
  const end = Uint8Array.prototype.slice.call(prefix, 0, length);
  end[length - 1]++;
  return end;
}

function bytesOf(name: string, key: Key | undefined): Uint8Array | undefined {
  if (key === undefined) return undefined;
  const bytes = typeof key === 'string' ? Buffer.from(key) : key;
  if (!(bytes instanceof Uint8Array) || bytes.length > KEY_BYTES_MAX) {
    throw new StoreError(
      'KV_INVALID_OPTION',
      `${name} must be a string or a Uint8Array of at most ${KEY_BYTES_MAX} bytes`,
      { option: name },
    );
  }
  return bytes;
}
