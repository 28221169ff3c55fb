/**
 * Types of Buffer methods that Node.js has and @types/node leaves out: text to bytes and back without the look-up of an
 * encoding's name. They also work on shared memory, where they beat TextEncoder.
 */
declare global {
  interface Buffer<TArrayBuffer extends ArrayBufferLike = ArrayBufferLike> {
    latin1Slice(start?: number, end?: number): string;
    utf8Slice(start?: number, end?: number): string;
    utf8Write(text: string, offset?: number, length?: number): number;
  }
}

export {};
