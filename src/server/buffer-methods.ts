/**
 * Types of Buffer methods that Node.js has and @types/node leaves out: text to bytes and back without the look-up of an
 * encoding's name. They matter where a reply is a few bytes long.
 */
declare global {
  // biome-ignore lint/correctness/noUnusedVariables: the parameter list must equal that of the declaration it adds to.
  interface Buffer<TArrayBuffer extends ArrayBufferLike = ArrayBufferLike> {
    latin1Slice(start?: number, end?: number): string;
    latin1Write(text: string, offset?: number, length?: number): number;
    utf8Write(text: string, offset?: number, length?: number): number;
  }
}

export {};
