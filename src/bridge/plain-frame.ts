/**
 * Frames whose body is plain data in CBOR: the length in one word, the bytes, padded to 8. Not for tagged values (dates,
 * sets): what a peer sends is decoded only if it is plain.
 */
import { decodeBody, encodeBody } from '../protocol/body.js';
import { isBoundedCbor } from './cbor-bounds.js';
import { allocateFrame, type FrameBuffer } from './frame.js';
import { FRAME_HEADER_BYTES, PAYLOAD_BYTES_MAX } from './limits.js';
import { violation } from './refusal.js';

/** A frame that waits for its header. */
export interface UnsealedFrame {
  readonly frame: FrameBuffer;
  readonly bodyBytes: number;
}

/** @throws StoreError KV_PROTOCOL for more than one frame takes */
export function plainFrame(value: unknown): UnsealedFrame {
  const packed = encodeBody(value);
  if (packed.length > PAYLOAD_BYTES_MAX) throw violation('length', `a body of ${packed.length} bytes`);
  return packedFrame(packed);
}

/** Of bytes that are CBOR already. */
export function packedFrame(packed: Uint8Array): UnsealedFrame {
  const bodyBytes = (4 + packed.length + 7) & ~7;
  const frame = allocateFrame(bodyBytes);
  frame.words[FRAME_HEADER_BYTES / 4] = packed.length;
  frame.bytes.set(packed, FRAME_HEADER_BYTES + 4);
  return { frame, bodyBytes };
}

/** The CBOR in the body of such a frame, where it stands. @throws StoreError KV_PROTOCOL */
export function packedBody({ words, bytes }: FrameBuffer, bodyBytes: number): Uint8Array {
  const length = bodyBytes < 8 ? -1 : words[FRAME_HEADER_BYTES / 4];
  if (length < 0 || length > bodyBytes - 4) throw violation('malformed', `a body claims ${length} bytes`);
  return bytes.subarray(FRAME_HEADER_BYTES + 4, FRAME_HEADER_BYTES + 4 + length);
}

/** What `plainFrame` was made from; owns its bytes. @throws StoreError KV_PROTOCOL */
export function plainBody(frame: FrameBuffer, bodyBytes: number): unknown {
  return decodePlain(packedBody(frame, bodyBytes));
}

/** @throws StoreError KV_PROTOCOL for what is no plain CBOR */
export function decodePlain(packed: Uint8Array): unknown {
  if (!isBoundedCbor(packed)) throw violation('malformed', 'a body that is no plain CBOR');
  return decodeBody(packed);
}
