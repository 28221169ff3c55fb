/**
 * The hash that the hot table and the bloom filter use: MurmurHash3 (Appleby, x86 32 bit) over the words of a key, the
 * last one padded with zeros, and its length. Computed once by whoever first sees the key, then carried in the record.
 */

/** Hash of the key of `length` bytes at `words[at..]`, as a signed 32-bit integer. About 2 ns a word. */
export function hashKey(words: Int32Array, at: number, length: number): number {
  let hash = 0x9747b28c;
  const end = at + ((length + 3) >>> 2);
  for (let i = at; i < end; i++) {
    let block = Math.imul(words[i], 0xcc9e2d51);
    block = (block << 15) | (block >>> 17);
    hash ^= Math.imul(block, 0x1b873593);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  hash ^= length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) | 0;
}
