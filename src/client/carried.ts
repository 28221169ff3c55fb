/**
 * What cbor-x writes and does not read back as it was, looked for only where the encoded bytes hint at it: a key `__proto__`
 * of an object (the decoder makes `__proto_` of it, against polluted prototypes), more shared objects than the 16 bits of a
 * reference can tell apart, and a map or set that holds itself (the decoder puts an empty object there).
 */
import { StoreError } from '../core/errors.js';

/** The text string as CBOR has it: a head with its length, then its characters. */
const PROTO_TEXT = Buffer.from('\x69__proto__', 'latin1');
/** The tags of a set, of a map, and of a reference to what was written before. */
const SET = Buffer.from([0xd9, 0x01, 0x02]);
const MAP = Buffer.from([0xd9, 0x01, 0x03]);
const REFERENCE = Buffer.from([0xd8, 0x1d, 0x19]);
const SHARED_MAX = 65_535;
/** An object that is shared takes as many bytes at least: itself, its mark, and a reference. */
const SHARED_BYTES_MIN = 8;
const SHARED_HINT_BYTES = SHARED_MAX * SHARED_BYTES_MIN;

/** Looks at a value and the CBOR that was made of it. @throws StoreError KV_INVALID_VALUE */
export function checkCarried(value: object, bytes: Buffer): void {
  const mayHoldItself = bytes.includes(REFERENCE) && (bytes.includes(MAP) || bytes.includes(SET));
  if (mayHoldItself && holdsItself(value, new Set(), new Set())) throw notCarried('a map or set in it holds itself');
  const mayHaveProto = bytes.indexOf(PROTO_TEXT) >= 0;
  if (!mayHaveProto && bytes.length < SHARED_HINT_BYTES) return;
  const { hasProtoKey, shared } = lookThrough(value);
  if (hasProtoKey) throw notCarried("an object in the value has a key '__proto__'");
  if (shared > SHARED_MAX) throw notCarried(`the value refers to more than ${SHARED_MAX} objects more than once`);
}

function notCarried(why: string): StoreError {
  return new StoreError('KV_INVALID_VALUE', `the value would not come back as it is: ${why}`);
}

/** Whether an object in it has a key of its own `__proto__`, and how many are referred to more than once. */
function lookThrough(value: object): { readonly hasProtoKey: boolean; readonly shared: number } {
  const seen = new Set<object>();
  const shared = new Set<object>();
  const open: unknown[] = [value];
  let hasProtoKey = false;
  while (open.length > 0) {
    const item = open.pop();
    if (typeof item !== 'object' || item === null) continue;
    if (seen.has(item)) {
      shared.add(item);
      continue;
    }
    seen.add(item);
    if (item instanceof Map) for (const entry of item) open.push(entry[0], entry[1]);
    else if (Array.isArray(item) || item instanceof Set) for (const one of item) open.push(one);
    else if (!ArrayBuffer.isView(item)) {
      hasProtoKey ||= Object.keys(item).includes('__proto__');
      for (const one of Object.values(item)) open.push(one);
    }
  }
  return { hasProtoKey, shared: shared.size };
}

/** Whether a map or set is met again within itself, in the order in which the encoder goes, and as deep. */
function holdsItself(item: unknown, seen: Set<object>, within: Set<object>): boolean {
  if (typeof item !== 'object' || item === null || ArrayBuffer.isView(item)) return false;
  if (seen.has(item)) return within.has(item);
  seen.add(item);
  // an instance of a subclass of Map is written as an array
  const isCollection = item.constructor === Map || item instanceof Set;
  if (isCollection) within.add(item);
  for (const one of item instanceof Map || Array.isArray(item) || item instanceof Set ? item : Object.values(item)) {
    if (holdsItself(one, seen, within)) return true;
  }
  within.delete(item);
  return false;
}
