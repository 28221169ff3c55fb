/**
 * A frame: what stands on the wire between two hosts. Words are little-endian, the body a multiple of 8 bytes.
 *
 *   word 0  bytes of the body
 *        1  CRC32 of bytes 8 to the end, begun with the body's length, so that it covers that too
 *        2  type (8 bits) | lane (8) | 0 (16)
 *        3  sequence: number of the frame on its connection, from 0
 *        4  body
 */
import { crc32 } from 'node:zlib';
import { FRAME_HEADER_BYTES } from './limits.js';

/** Append-only; 0 is never valid. */
export const enum FrameType {
  hello = 1,
  welcome = 2,
  proof = 3,
  refuse = 4,
  /** Whole messages, one behind the other. */
  data = 5,
  /** A piece of one message that is larger than a frame. */
  chunk = 6,
  credit = 7,
  ping = 8,
  pong = 9,
  /** Status of the sender's nodes. */
  nodes = 10,
  /** Hosts that the sender knows. */
  hosts = 11,
  /** A piece of what a host that wants to join is told. */
  facts = 12,
  bye = 13,
}

export const FRAME_TYPE_MAX = FrameType.bye;

const enum FrameHead {
  bytes = 0,
  crc = 1,
  kind = 2,
  sequence = 3,
}

/** A frame being read or written, at the start of its own buffer. */
export interface FrameBuffer {
  readonly words: Int32Array;
  readonly bytes: Buffer;
}

/** Room for a frame whose body has up to this many bytes; aligned, and never part of a shared pool. */
export function allocateFrame(bodyBytesMax: number): FrameBuffer {
  const memory = new ArrayBuffer(FRAME_HEADER_BYTES + bodyBytesMax);
  return { words: new Int32Array(memory), bytes: Buffer.from(memory) };
}

export interface FrameKind {
  readonly type: FrameType;
  readonly lane: number;
}

/** Writes the header of a frame whose body is in place; returns the whole frame. */
export function sealFrame(frame: FrameBuffer, { type, lane }: FrameKind, bodyBytes: number, sequence: number): Buffer {
  const { words, bytes } = frame;
  const end = FRAME_HEADER_BYTES + bodyBytes;
  words[FrameHead.bytes] = bodyBytes;
  words[FrameHead.kind] = type | (lane << 8);
  words[FrameHead.sequence] = sequence;
  words[FrameHead.crc] = crc32(bytes.subarray(8, end), bodyBytes);
  return bytes.subarray(0, end);
}

export const bodyBytesOf = ({ words }: FrameBuffer): number => words[FrameHead.bytes] >>> 0;
export const typeOf = ({ words }: FrameBuffer): number => words[FrameHead.kind] & 0xff;
export const laneOfFrame = ({ words }: FrameBuffer): number => (words[FrameHead.kind] >>> 8) & 0xff;
export const reservedOf = ({ words }: FrameBuffer): number => words[FrameHead.kind] >>> 16;
export const sequenceOf = ({ words }: FrameBuffer): number => words[FrameHead.sequence] >>> 0;

/** Whether the frame, all of which is here, is as it was sent. */
export function isIntact({ words, bytes }: FrameBuffer, bodyBytes: number): boolean {
  return crc32(bytes.subarray(8, FRAME_HEADER_BYTES + bodyBytes), bodyBytes) === words[FrameHead.crc] >>> 0;
}
