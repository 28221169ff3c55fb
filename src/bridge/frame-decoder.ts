/**
 * Bytes of a connection, in pieces of any size, to frames. It holds one frame at a time, in a buffer of its own that is
 * small until the peer has authenticated itself; a frame's body stands there only until the next one is read.
 */
import {
  allocateFrame,
  bodyBytesOf,
  FRAME_TYPE_MAX,
  type FrameBuffer,
  type FrameType,
  isIntact,
  laneOfFrame,
  reservedOf,
  sequenceOf,
  typeOf,
} from './frame.js';
import { LANES } from './lane.js';
import { FRAME_BODY_BYTES_MAX, FRAME_HEADER_BYTES, GREETING_BODY_BYTES_MAX } from './limits.js';
import { violation } from './refusal.js';

/** A frame in its decoder's buffer; the body is valid until `take` returns. */
export interface Frame extends FrameBuffer {
  readonly type: FrameType;
  readonly lane: number;
  /** Behind the header, from byte FRAME_HEADER_BYTES on. */
  readonly bodyBytes: number;
}

export class FrameDecoder {
  #buffer: FrameBuffer | undefined;
  #bodyBytesMax = GREETING_BODY_BYTES_MAX;
  #filled = 0;
  /** Bytes of the frame being read, header included; just the header until that is here. */
  #wanted = FRAME_HEADER_BYTES;
  #sequence = 0;

  /** The peer is known: frames may be as large as they get. Between two frames. */
  trust(): void {
    this.#bodyBytesMax = FRAME_BODY_BYTES_MAX;
    this.#buffer = undefined;
  }

  /**
   * Hands every whole frame to `take`, in order; stops early where that returns false.
   * @throws StoreError KV_PROTOCOL, with the reason, for bytes that no peer may send
   */
  feed(input: Uint8Array, take: (frame: Frame) => boolean): void {
    let at = 0;
    while (at < input.length) {
      this.#buffer ??= allocateFrame(this.#bodyBytesMax);
      const buffer = this.#buffer;
      const count = Math.min(this.#wanted - this.#filled, input.length - at);
      buffer.bytes.set(count === input.length ? input : input.subarray(at, at + count), this.#filled);
      at += count;
      this.#filled += count;
      if (this.#filled < this.#wanted) return;
      if (this.#filled === FRAME_HEADER_BYTES) this.#checkHeader(buffer);
      if (this.#filled < this.#wanted) continue;
      const frame = this.#whole(buffer);
      this.#filled = 0;
      this.#wanted = FRAME_HEADER_BYTES;
      if (!take(frame)) return;
    }
  }

  #checkHeader(buffer: FrameBuffer): void {
    const bodyBytes = bodyBytesOf(buffer);
    if (bodyBytes > this.#bodyBytesMax || (bodyBytes & 7) !== 0)
      throw violation('length', `a body of ${bodyBytes} bytes`);
    const type = typeOf(buffer);
    if (type === 0 || type > FRAME_TYPE_MAX) throw violation('frame-type', `a frame of type ${type}`);
    if (laneOfFrame(buffer) >= LANES || reservedOf(buffer) !== 0) throw violation('lane', 'a lane that does not exist');
    if (sequenceOf(buffer) !== this.#sequence) throw violation('sequence', `frame ${this.#sequence} is missing`);
    this.#sequence = (this.#sequence + 1) >>> 0;
    this.#wanted = FRAME_HEADER_BYTES + bodyBytes;
  }

  #whole(buffer: FrameBuffer): Frame {
    const bodyBytes = bodyBytesOf(buffer);
    if (!isIntact(buffer, bodyBytes)) throw violation('checksum', 'a frame that is not as it was sent');
    return { words: buffer.words, bytes: buffer.bytes, type: typeOf(buffer), lane: laneOfFrame(buffer), bodyBytes };
  }
}
