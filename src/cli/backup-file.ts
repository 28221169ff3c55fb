/**
 * A file of a backup: the records of one partition, `partition-0012.kvb`. All numbers are little-endian.
 *
 *   "kvorumBK" | u32 bytes of the header | u32 CRC-32 of the header | header: JSON {"format","clusterName","partitions",
 *   "epoch","partition"} | frames of records (server/record-frames.ts), by key | u32 0 | u32 how many records
 *
 * The zero that ends it tells a file that was cut off between two frames from a whole one. Bounded memory both ways.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { asStoreError, StoreError } from '../core/errors.js';
import { decodeFrame, FRAME_HEADER_BYTES, frameBytes } from '../server/record-frames.js';
import { BACKUP_FORMAT, type BackupFile } from './backup-manifest.js';

export interface BackupHeader {
  readonly format: number;
  readonly clusterName: string;
  readonly partitions: number;
  readonly epoch: number;
  readonly partition: number;
}

/** Whole frames, at least one. */
export interface Frames {
  readonly frames: Buffer;
  readonly count: number;
}

const MAGIC = Buffer.from('kvorumBK');
const PREFIX_BYTES = MAGIC.length + 8;
const HEADER_BYTES_MAX = 65_536;
const END_BYTES = 8;
const CHUNK_BYTES = 256 * 1024;

export const fileName = (partition: number): string => `partition-${String(partition).padStart(4, '0')}.kvb`;

/** Writes the file and syncs it. */
export async function writeBackupFile(
  folder: string,
  header: BackupHeader,
  pages: AsyncIterable<Frames>,
): Promise<BackupFile> {
  const name = fileName(header.partition);
  const handle = await open(join(folder, name), 'w', 0o600);
  const hash = createHash('sha256');
  let bytes = 0;
  let records = 0;
  const write = async (piece: Buffer): Promise<void> => {
    hash.update(piece);
    bytes += piece.length;
    await handle.writeFile(piece);
  };
  try {
    await write(encodeHeader(header));
    for await (const { frames, count } of pages) {
      await write(frames);
      records += count;
    }
    const end = Buffer.alloc(END_BYTES);
    end.writeUInt32LE(records, 4);
    await write(end);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return { name, partition: header.partition, records, bytes, sha256: hash.digest('hex') };
}

/** The records of a file, some whole frames at a time, each frame checked. @throws StoreError KV_CORRUPT */
export async function* readBackupFile(
  path: string,
  header: BackupHeader,
  onChunk: (chunk: Buffer) => void = () => undefined,
): AsyncGenerator<Frames> {
  const reader = new FileReader(header);
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES }) as AsyncIterable<Buffer>) {
    onChunk(chunk);
    const frames = reader.push(chunk);
    if (frames.count > 0) yield frames;
  }
  reader.end();
}

/** What is wrong with the file, in words; undefined where nothing is. */
export async function faultOf(folder: string, file: BackupFile, header: BackupHeader): Promise<string | undefined> {
  const path = join(folder, file.name);
  const hash = createHash('sha256');
  try {
    let records = 0;
    const frames = readBackupFile(path, header, (chunk) => hash.update(chunk));
    for await (const { count } of frames) records += count;
    if (records !== file.records) return `it holds ${records} records, the manifest says ${file.records}`;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return 'it is missing';
    return asStoreError(thrown).message;
  }
  return hash.digest('hex') === file.sha256 ? undefined : 'its SHA-256 is not the one in the manifest';
}

function encodeHeader(header: BackupHeader): Buffer {
  const json = Buffer.from(JSON.stringify(header));
  const prefix = Buffer.alloc(PREFIX_BYTES);
  MAGIC.copy(prefix);
  prefix.writeUInt32LE(json.length, MAGIC.length);
  prefix.writeUInt32LE(crc32(json), MAGIC.length + 4);
  return Buffer.concat([prefix, json]);
}

/** Takes chunks as they come: first the header, then frames, then the end. */
class FileReader {
  #rest: Buffer = Buffer.alloc(0);
  #offset = 0;
  #records = 0;
  #stage: 'header' | 'frames' | 'ended' = 'header';

  constructor(private readonly expected: BackupHeader) {}

  /** The whole frames that this chunk completes. */
  push(chunk: Buffer): Frames {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    if (this.#stage === 'header' && !this.#takeHeader()) return { frames: this.#rest.subarray(0, 0), count: 0 };
    let at = 0;
    let count = 0;
    while (this.#stage === 'frames') {
      if (this.#takeEnd(at, count)) break;
      const size = this.#sizeAt(at);
      if (size === undefined) break;
      at += size;
      count++;
    }
    const frames = this.#rest.subarray(0, at);
    this.#rest = this.#rest.subarray(this.#stage === 'ended' ? at + END_BYTES : at);
    this.#offset += at;
    this.#records += count;
    if (this.#stage === 'ended' && this.#rest.length > 0) throw this.#damaged('something follows the end', 0);
    return { frames, count };
  }

  end(): void {
    if (this.#stage !== 'ended') throw this.#damaged('it is cut off', this.#rest.length);
  }

  #takeHeader(): boolean {
    const { length } = this.#rest;
    if (length >= MAGIC.length && !this.#rest.subarray(0, MAGIC.length).equals(MAGIC)) {
      throw this.#damaged('it is no file of a backup', 0);
    }
    if (length < PREFIX_BYTES) return false;
    const bytes = this.#rest.readUInt32LE(MAGIC.length);
    if (bytes > HEADER_BYTES_MAX) throw this.#damaged('its header is damaged', 0);
    if (length < PREFIX_BYTES + bytes) return false;
    const json = this.#rest.subarray(PREFIX_BYTES, PREFIX_BYTES + bytes);
    if (crc32(json) !== this.#rest.readUInt32LE(MAGIC.length + 4)) throw this.#damaged('its header is damaged', 0);
    const { format } = JSON.parse(json.toString()) as BackupHeader;
    if (format > BACKUP_FORMAT) throw this.#damaged(`it has format ${format}, of a newer kvorum`, 0);
    if (json.toString() !== JSON.stringify(this.expected)) throw this.#damaged('it belongs to another backup', 0);
    this.#rest = this.#rest.subarray(PREFIX_BYTES + bytes);
    this.#offset = PREFIX_BYTES + bytes;
    this.#stage = 'frames';
    return true;
  }

  /** Whether the end stands here: a frame of no bytes, and how many there were. */
  #takeEnd(at: number, count: number): boolean {
    if (this.#rest.length - at < END_BYTES || this.#rest.readUInt32LE(at) !== 0) return false;
    const records = this.#rest.readUInt32LE(at + 4);
    if (records !== this.#records + count) throw this.#damaged(`${records} records are stated`, at);
    this.#stage = 'ended';
    return true;
  }

  /** Bytes of the frame here, once all of them have come and are right. */
  #sizeAt(at: number): number | undefined {
    if (this.#rest.length - at < FRAME_HEADER_BYTES) return undefined;
    try {
      const size = frameBytes(this.#rest, at);
      if (size !== undefined) decodeFrame(this.#rest.subarray(at, at + size));
      return size;
    } catch (thrown) {
      throw this.#damaged(asStoreError(thrown).message, at);
    }
  }

  #damaged(what: string, at: number): StoreError {
    return new StoreError('KV_CORRUPT', `${what} (at byte ${this.#offset + at})`);
  }
}
