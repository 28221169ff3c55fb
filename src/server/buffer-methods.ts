/**
 * Types of Buffer methods that Node.js has and @types/node leaves out: text to bytes and back without the look-up of an
 * encoding's name. They matter where a reply is a few bytes long.
 */
declare global {
  interface Buffer<TArrayBuffer extends ArrayBufferLike = ArrayBufferLike> {
    latin1Slice(start?: number, end?: number): string;
    latin1Write(text: string, offset?: number, length?: number): number;
    utf8Write(text: string, offset?: number, length?: number): number;
  }
}

/** The first `bytesMax` bytes at most as latin1 text; `latin1Slice` alone throws beyond the end. */
export function latin1Head(bytes: Buffer, bytesMax: number): string {
  return bytes.latin1Slice(0, Math.min(bytesMax, bytes.length));
}
