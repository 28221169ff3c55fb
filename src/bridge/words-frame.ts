/** Frames whose body is a few words: pings, credits, good-byes. */
import { allocateFrame } from './frame.js';
import { FRAME_HEADER_BYTES } from './limits.js';
import type { UnsealedFrame } from './plain-frame.js';

/** An even number of words. */
export function wordsFrame(words: readonly number[]): UnsealedFrame {
  const bodyBytes = words.length * 4;
  const frame = allocateFrame(bodyBytes);
  frame.words.set(words, FRAME_HEADER_BYTES / 4);
  return { frame, bodyBytes };
}
