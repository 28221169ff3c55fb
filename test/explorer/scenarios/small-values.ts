/** In the place of src/client/values.ts: reads the two words of a small table's value one after the other. */
export interface SmallValue {
  readonly stamp: number;
  readonly filler: number;
}

export function decodeValue(_tag: number, bytes: Buffer, start: number, _length: number): SmallValue {
  const words = new Int32Array(bytes.buffer);
  const stamp = words[start / 4];
  const filler = words[start / 4 + 1];
  return { stamp, filler };
}
