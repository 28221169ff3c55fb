/**
 * What the commit log consists of: segments of blocks, one block for each turn that wrote.
 *
 *   segment  header (32 bytes): magic, format, segment number (2 words), first sequence (2), 1, CRC32 of the words before;
 *            in those of older versions the last two words are 0, and no checksum covers the rest
 *            blocks, then zeros reserved ahead
 *   block    word 0  40 | BLOCK << 24     1  magic       2  CRC32 of everything behind this word
 *                 3  bytes of the block, header included  4  first sequence (2 words)   6  records   7  segment, low bits
 *                 8  sequence before which everything was synced when this was written (2 words)
 *            records (protocol/record.ts); a record flagged PAD was withdrawn and only keeps its sequence number
 *
 * A block is the same bytes in the arena and in the file.
 */
import { crc32 } from 'node:zlib';
import { assert } from '../core/errors.js';
import { Flag, getNumber, putNumber } from '../protocol/record.js';

export const BLOCK_HEADER_BYTES = 40;
export const SEGMENT_HEADER_BYTES = 32;
/** Raised when the bytes of the log change meaning; a newer one is refused. The header of a segment keeps its place for good. */
export const LOG_FORMAT = 1;
const BLOCK_MAGIC = 0x6b76_6c42;
const SEGMENT_MAGIC = 0x6b76_6c53;

export const enum Block {
  size = 0,
  magic = 1,
  crc = 2,
  bytes = 3,
  firstSequence = 4,
  records = 6,
  segment = 7,
  synced = 8,
}

const CRC_FROM_BYTES = 12;

export interface BlockHeader {
  readonly bytes: number;
  readonly firstSequence: number;
  readonly records: number;
  /** Everything before this sequence was on disk when the block was written. */
  readonly syncedSequence: number;
}

/** Completes the header of a block that stands at word `at`: everything else of it must be written. */
export function sealBlock(words: Int32Array, bytes: Buffer, at: number, header: BlockHeader, segment: number): void {
  words[at + Block.size] = BLOCK_HEADER_BYTES | (Flag.block << 24);
  words[at + Block.magic] = BLOCK_MAGIC;
  words[at + Block.bytes] = header.bytes;
  putNumber(words, at + Block.firstSequence, header.firstSequence);
  words[at + Block.records] = header.records;
  words[at + Block.segment] = segment;
  putNumber(words, at + Block.synced, header.syncedSequence);
  words[at + Block.crc] = crcOf(bytes, at * 4, header.bytes);
}

/**
 * Reads the block at word `at` of a view that ends at `endWord`.
 * @returns the header, or why there is none: 'zeros' (reserved, never written), 'torn' (cut short or damaged)
 */
export function openBlock(
  words: Int32Array,
  bytes: Buffer,
  at: number,
  endWord: number,
  segment: number,
): BlockHeader | 'zeros' | 'torn' {
  if (at + BLOCK_HEADER_BYTES / 4 > endWord) return isZero(words, at, endWord) ? 'zeros' : 'torn';
  if (words[at] === 0 && words[at + Block.magic] === 0) return isZero(words, at, at + 8) ? 'zeros' : 'torn';
  const size = words[at + Block.bytes];
  if (words[at + Block.magic] !== BLOCK_MAGIC || words[at + Block.segment] !== (segment | 0)) return 'torn';
  if (size < BLOCK_HEADER_BYTES || size % 8 !== 0 || at + size / 4 > endWord) return 'torn';
  if (words[at + Block.crc] !== crcOf(bytes, at * 4, size)) return 'torn';
  return headerAt(words, at);
}

/** What the bytes at word `at` say as the header of a block of this segment, unchecked; undefined where they are none. */
export function claimedBlock(words: Int32Array, at: number, segment: number): BlockHeader | undefined {
  const size = claimedBlockBytes(words, at);
  if (size < BLOCK_HEADER_BYTES || size % 8 !== 0 || words[at + Block.segment] !== (segment | 0)) return undefined;
  return headerAt(words, at);
}

function headerAt(words: Int32Array, at: number): BlockHeader {
  return {
    bytes: words[at + Block.bytes],
    firstSequence: getNumber(words, at + Block.firstSequence),
    records: words[at + Block.records],
    syncedSequence: getNumber(words, at + Block.synced),
  };
}

/** Bytes of the block that begins here if its header can be believed, else 0: how much to have in view before opening it. */
export function claimedBlockBytes(words: Int32Array, at: number): number {
  // a header that the view cuts off claims nothing yet
  if (at + BLOCK_HEADER_BYTES / 4 > words.length) return 0;
  return words[at + Block.magic] === BLOCK_MAGIC ? words[at + Block.bytes] : 0;
}

function crcOf(bytes: Buffer, start: number, size: number): number {
  return crc32(bytes.subarray(start + CRC_FROM_BYTES, start + size)) | 0;
}

function isZero(words: Int32Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (words[i] !== 0) return false;
  return true;
}

export interface SegmentHeader {
  readonly format: number;
  readonly segment: number;
  readonly firstSequence: number;
}

const enum Head {
  magic = 0,
  format = 1,
  segment = 2,
  firstSequence = 4,
  isSealed = 6,
  crc = 7,
}

/** The 32 bytes that open a segment file. */
export function segmentHeader(segment: number, firstSequence: number, format = LOG_FORMAT): Buffer {
  const words = new Int32Array(SEGMENT_HEADER_BYTES / 4);
  words[Head.magic] = SEGMENT_MAGIC;
  words[Head.format] = format;
  putNumber(words, Head.segment, segment);
  putNumber(words, Head.firstSequence, firstSequence);
  words[Head.isSealed] = 1;
  words[Head.crc] = headCrc(words);
  return Buffer.from(words.buffer);
}

/** The header of a segment; or 'none' (its file was made, and nothing written), or 'damaged'. */
export function readSegmentHeader(words: Int32Array, segment: number): SegmentHeader | 'none' | 'damaged' {
  if (words.length < SEGMENT_HEADER_BYTES / 4 || isZero(words, 0, SEGMENT_HEADER_BYTES / 4)) return 'none';
  const format = words[Head.format];
  const isBare = words[Head.isSealed] === 0 && words[Head.crc] === 0;
  const isBelieved = isBare ? format === 1 : words[Head.crc] === headCrc(words);
  const isThis = words[Head.magic] === SEGMENT_MAGIC && getNumber(words, Head.segment) === segment;
  if (!isBelieved || !isThis) return 'damaged';
  return { format, segment, firstSequence: getNumber(words, Head.firstSequence) };
}

function headCrc(words: Int32Array): number {
  return crc32(Buffer.from(words.buffer, words.byteOffset, Head.crc * 4)) | 0;
}

export const segmentName = (segment: number): string => `${String(segment).padStart(12, '0')}.log`;

/** The segment number in a file name, or undefined for any other file. */
export function segmentOfName(name: string): number | undefined {
  const match = /^(\d{12})\.log$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

assert(CRC_FROM_BYTES === Block.bytes * 4, 'the checksum covers everything behind itself');
