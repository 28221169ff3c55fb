/**
 * Whether bytes are one CBOR item (RFC 8949) that may safely be decoded: every length that it claims fits in the bytes that
 * are there, it is not nested deeply, and it has no indefinite lengths. A decoder that trusts a claimed length makes an array
 * of a hundred million entries from five bytes.
 */

const DEPTH_MAX = 32;

const enum Major {
  bytes = 2,
  text = 3,
  array = 4,
  map = 5,
  tag = 6,
  simple = 7,
}

/** `allowsTags`: tagged items may occur; what greets a stranger has none. */
export function isBoundedCbor(bytes: Uint8Array, { allowsTags = false } = {}): boolean {
  const open: number[] = [1];
  let at = 0;
  while (open.length > 0) {
    const depth = open.length - 1;
    if (open[depth] === 0) {
      open.pop();
      continue;
    }
    open[depth]--;
    if (at >= bytes.length) return false;
    const first = bytes[at];
    const major = first >>> 5;
    const argumentBytes = argumentBytesOf(first & 31);
    if (argumentBytes < 0 || at + 1 + argumentBytes > bytes.length) return false;
    const argument = argumentBytes === 0 ? first & 31 : readArgument(bytes, at + 1, argumentBytes);
    at += 1 + argumentBytes;
    const rest = bytes.length - at;
    if (major === Major.bytes || major === Major.text) {
      if (argument > rest) return false;
      at += argument;
    } else if (major === Major.array || major === Major.map) {
      const items = major === Major.map ? argument * 2 : argument;
      if (items > rest || open.length > DEPTH_MAX) return false;
      open.push(items);
    } else if (major === Major.tag) {
      if (!allowsTags || open.length > DEPTH_MAX) return false;
      open.push(1);
    }
  }
  return at === bytes.length;
}

/** Bytes of the argument behind an item's first byte; -1 for what is reserved or of indefinite length. */
function argumentBytesOf(information: number): number {
  if (information < 24) return 0;
  return information < 28 ? 1 << (information - 24) : -1;
}

function readArgument(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let i = 0; i < count; i++) value = value * 256 + bytes[at + i];
  return value;
}
