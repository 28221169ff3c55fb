/**
 * The records of one replica in the order of their keys: appended one after the other, and read once. In memory, but for what
 * was moved to a file, whose name is removed as soon as it is open, so that nothing is left of it however the process ends.
 *
 *   chunk    chunk    chunk    chunk        a chunk holds whole records
 *   in the file ...   | in memory ...
 */
import { randomUUID } from 'node:crypto';
import { type FileHandle, open, statfs, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { StoreError } from '../core/errors.js';
import { copyWords, keyBytesOf, RECORD_HEADER_BYTES, sizeOf } from '../protocol/record.js';

const CHUNK_WORDS = 16 * 1024;
/** Share of the disk that is left to its owners: nodes that find it full refuse writes. */
const DISK_FREE_MIN = 0.1;

interface Chunk {
  /** Undefined once it is in the file. */
  words: Int32Array<ArrayBuffer> | undefined;
  usedWords: number;
  /** Where in the file. */
  position: number;
}

export class RecordSpool {
  /** In memory. */
  bytes = 0;
  readonly #chunks: Chunk[] = [];
  #file: FileHandle | undefined;
  #fileBytes = 0;

  /** Copies the record at this word. */
  append(words: Int32Array, at: number): void {
    const size = sizeOf(words, at) / 4;
    let chunk = this.#chunks.at(-1);
    if (chunk?.words === undefined || chunk.usedWords + size > chunk.words.length) {
      chunk = { words: new Int32Array(Math.max(CHUNK_WORDS, size)), usedWords: 0, position: 0 };
      this.#chunks.push(chunk);
    }
    copyWords(words, at, chunk.words as Int32Array, chunk.usedWords, size);
    chunk.usedWords += size;
    this.bytes += size * 4;
  }

  /**
   * Moves all of it to a file in this folder; nothing may be appended meanwhile. False where the folder cannot be written to,
   * or less than a tenth of its disk would be left.
   */
  async moveTo(folder: string): Promise<boolean> {
    try {
      const { blocks, bavail, bsize } = await statfs(folder);
      if (bavail - this.bytes / bsize < blocks * DISK_FREE_MIN) return false;
      this.#file ??= await openNameless(folder);
      for (const chunk of this.#chunks) {
        if (chunk.words === undefined) continue;
        await this.#file.writeFile(bytesOf(chunk.words.subarray(0, chunk.usedWords)));
        chunk.words = undefined;
        chunk.position = this.#fileBytes;
        this.#fileBytes += chunk.usedWords * 4;
        this.bytes -= chunk.usedWords * 4;
      }
      return true;
    } catch {
      return false;
    }
  }

  /** Number of chunks. */
  get length(): number {
    return this.#chunks.length;
  }

  /** The words of a chunk, which is not kept any longer. @throws StoreError KV_STORAGE_FAILED where the file cannot be read */
  async take(index: number): Promise<Int32Array> {
    const { words, usedWords, position } = this.#chunks[index];
    this.#chunks[index].words = undefined;
    if (words !== undefined) return words.subarray(0, usedWords);
    const read = new Int32Array(usedWords);
    const bytes = bytesOf(read);
    for (let at = 0; at < bytes.length; ) {
      const { bytesRead = 0 } = (await this.#file?.read(bytes, at, bytes.length - at, position + at)) ?? {};
      if (bytesRead === 0) throw new StoreError('KV_STORAGE_FAILED', 'a temporary file of records is cut off');
      at += bytesRead;
    }
    return read;
  }

  /** The file is gone with it. Idempotent. */
  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }
}

/** Goes through the records of a spool, one after the other. */
export class SpoolReader {
  /** The record that it stands at: its key as Latin-1 text, undefined behind the last one; and where it is. */
  key: string | undefined;
  words = new Int32Array(0);
  bytes = Buffer.alloc(0);
  at = 0;
  readonly #spool: RecordSpool;
  #next = 0;

  constructor(spool: RecordSpool) {
    this.#spool = spool;
  }

  /** To the next record where it is in memory; false where `load` must be called. */
  step(): boolean {
    this.at += sizeOf(this.words, this.at) / 4;
    return this.#look();
  }

  /** To the first record of the next chunk, or behind the last one. @throws StoreError KV_STORAGE_FAILED */
  async load(): Promise<void> {
    this.key = undefined;
    if (this.#next === this.#spool.length) return;
    this.words = (await this.#spool.take(this.#next++)) as Int32Array<ArrayBuffer>;
    this.bytes = bytesOf(this.words);
    this.at = 0;
    this.#look();
  }

  #look(): boolean {
    if (this.at >= this.words.length) return false;
    const start = this.at * 4 + RECORD_HEADER_BYTES;
    this.key = this.bytes.latin1Slice(start, start + keyBytesOf(this.words, this.at));
    return true;
  }
}

async function openNameless(folder: string): Promise<FileHandle> {
  const path = join(folder, `records-${randomUUID()}.tmp`);
  const file = await open(path, 'wx+', 0o600);
  await unlink(path);
  return file;
}

const bytesOf = (words: Int32Array): Buffer<ArrayBuffer> =>
  Buffer.from(words.buffer as ArrayBuffer, words.byteOffset, words.byteLength);
