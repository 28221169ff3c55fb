/** Blocks: frames under way from a queue to a socket, reused. A block goes back once the socket has written it. */
import { allocateFrame, type FrameBuffer, type FrameType } from './frame.js';
import { FRAME_BODY_BYTES_MAX, FRAME_HEADER_BYTES } from './limits.js';

export interface Block extends FrameBuffer {
  type: FrameType;
  bodyBytes: number;
  /** Counts the blocks of its lane, from 1. */
  id: number;
  /** Blocks of each lane that must leave before this one; empty: none. */
  behind: readonly number[];
}

/** Blocks that are kept while nobody needs them. */
const IDLE_MAX = 64;

export class BlockPool {
  readonly #idle: Block[] = [];

  take(type: FrameType, id: number): Block {
    const block = this.#idle.pop() ?? { ...allocateFrame(FRAME_BODY_BYTES_MAX), type, bodyBytes: 0, id, behind: [] };
    block.type = type;
    block.bodyBytes = 0;
    block.id = id;
    block.behind = [];
    return block;
  }

  give(block: Block): void {
    if (this.#idle.length < IDLE_MAX) this.#idle.push(block);
  }
}

/** Word index at which a block's body begins. */
export const BODY_WORD = FRAME_HEADER_BYTES / 4;
