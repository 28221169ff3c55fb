/**
 * The generator that every measurement draws from: xorshift32 (Marsaglia, "Xorshift RNGs", 2003).
 *
 * It costs about a nanosecond a draw, so that choosing a key is not what is measured, and the same seed gives the same
 * keys to ours and to each peer.
 */

/** A generator of whole numbers in 0..2^32-1; the seed is any number, 0 included. */
export function xorshift32(seed: number): () => number {
  let state = (Math.imul(seed | 0, 0x9e3779b1) ^ 0x6d2b79f5) | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
