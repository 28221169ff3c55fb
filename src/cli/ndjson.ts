/**
 * Newline-delimited JSON in bounded memory: bytes in, numbered lines out, whatever the chunks. A line that is longer
 * than the bound is reported and skipped up to its end, so that a file without a newline cannot fill the memory.
 */
import { isUtf8 } from 'node:buffer';

/** Longest line that is read, in bytes; the longest pair of a store, escaped six-fold, fits. */
export const LINE_BYTES_MAX = 8 * 1024 * 1024;

const NEWLINE = 10;
const CARRIAGE_RETURN = 13;

/** One line: its text, or what is wrong with it. `bytes` counts the newline. */
export type Line = { readonly number: number; readonly bytes: number } & (
  | { readonly text: string }
  | { readonly fault: string }
);

/**
 * Lines of a byte stream, a chunk's worth at a time; blank lines count but are not yielded, a byte order mark is cut.
 * Holds at most one chunk and one line.
 */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array>,
  lineBytesMax: number = LINE_BYTES_MAX,
): AsyncGenerator<Line[]> {
  const splitter = new LineSplitter(lineBytesMax);
  for await (const chunk of chunks) {
    const lines = splitter.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    if (lines.length > 0) yield lines;
  }
  const last = splitter.end();
  if (last.length > 0) yield last;
}

class LineSplitter {
  #number = 0;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(private readonly lineBytesMax: number) {}

  push(chunk: Buffer): Line[] {
    const lines: Line[] = [];
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      this.#keep(chunk.subarray(from, at));
      this.#finish(lines, 1);
      from = at + 1;
    }
    this.#keep(chunk.subarray(from));
    return lines;
  }

  end(): Line[] {
    const lines: Line[] = [];
    if (this.#bytes > 0) this.#finish(lines, 0);
    return lines;
  }

  #keep(part: Buffer): void {
    if (part.length === 0) return;
    this.#bytes += part.length;
    if (this.#bytes > this.lineBytesMax) this.#parts = [];
    else this.#parts.push(part);
  }

  #finish(lines: Line[], newlineBytes: number): void {
    const number = ++this.#number;
    const bytes = this.#bytes + newlineBytes;
    const parts = this.#parts;
    const tooLong = this.#bytes > this.lineBytesMax;
    this.#parts = [];
    this.#bytes = 0;
    if (tooLong) {
      lines.push({ number, bytes, fault: `longer than ${this.lineBytesMax} bytes` });
      return;
    }
    const line = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
    if (!isUtf8(line)) {
      lines.push({ number, bytes, fault: 'not valid UTF-8' });
      return;
    }
    const end = line.at(-1) === CARRIAGE_RETURN ? line.length - 1 : line.length;
    const text = line.toString('utf8', 0, end);
    const clean = number === 1 && text.startsWith('\uFEFF') ? text.slice(1) : text;
    if (clean.trim() !== '') lines.push({ number, bytes, text: clean });
  }
}
