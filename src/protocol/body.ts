/**
 * The CBOR body of cold messages (gossip, scan bounds): its length in bytes as one word, then the bytes, padded to 8.
 * Never on the way of a get or a put. Records are off and binary is copied: a decoded body owns its bytes.
 */
import { Decoder, Encoder } from 'cbor-x';
import { StoreError } from '../core/errors.js';
import type { MessageView } from './header.js';
import { BODY_BYTES_MAX } from './limits.js';

const encoder = new Encoder({ useRecords: false, tagUint8Array: false });
const decoder = new Decoder({ useRecords: false, copyBuffers: true });

/** The body's bytes; valid until the next call. @throws StoreError KV_PROTOCOL above BODY_BYTES_MAX */
export function encodeBody(body: unknown): Uint8Array {
  const bytes = encoder.encode(body);
  if (bytes.length > BODY_BYTES_MAX) throw new StoreError('KV_PROTOCOL', `a message body has ${bytes.length} bytes`);
  return bytes;
}

/** Bytes of a message whose body begins at this word offset. */
export const bodyMessageBytes = (bodyWord: number, body: Uint8Array): number =>
  (bodyWord * 4 + 4 + body.length + 7) & ~7;

/** Writes the body at word `at`. */
export function putBody(words: Int32Array, bytes: Uint8Array, at: number, body: Uint8Array): void {
  words[at] = body.length;
  bytes.set(body, (at + 1) * 4);
}

/** The body that begins at this word offset of a message. @throws StoreError KV_PROTOCOL for a length or bytes that cannot be */
export function readBody(message: MessageView, bodyWord: number): unknown {
  const start = (message.at + bodyWord + 1) * 4;
  const length = message.words[message.at + bodyWord];
  if (length < 0 || length > BODY_BYTES_MAX || start + length > message.end * 4) {
    throw new StoreError('KV_PROTOCOL', `a message body claims ${length} bytes`);
  }
  return decodeBody(message.bytes.subarray(start, start + length));
}

/** What `encodeBody` made these bytes from. @throws StoreError KV_PROTOCOL where they are no CBOR */
export function decodeBody(bytes: Uint8Array): unknown {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    throw new StoreError('KV_PROTOCOL', 'a message body is not CBOR', {}, error);
  }
}
