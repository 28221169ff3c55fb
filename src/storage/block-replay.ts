/** Copies intact log blocks into the arena, as many records together as are easily found room for, and has each adopted. */

import { StoreError } from '../core/errors.js';
import { sizeOf } from '../protocol/record.js';
import type { Engine } from './engine.js';
import { BLOCK_HEADER_BYTES, type BlockHeader } from './log-block.js';
import type { LogWindow } from './log-window.js';

export interface BlockReplayOptions {
  /** Enters the record at this word of the arena into the node's table. */
  readonly adopt: (engine: Engine, at: number) => void;
  /** Called once, before records go to the base table to make room. */
  readonly beforeFlush?: () => Promise<unknown>;
}

/** Bytes of one block that are copied together; a larger record goes alone. */
const PIECE_BYTES_MAX = 64 * 1024;

export class BlockReplay {
  records = 0;
  readonly #engine: Engine;
  readonly #window: LogWindow;
  readonly #adopt: BlockReplayOptions['adopt'];
  #beforeFlush: BlockReplayOptions['beforeFlush'];

  constructor(engine: Engine, window: LogWindow, { adopt, beforeFlush }: BlockReplayOptions) {
    this.#engine = engine;
    this.#window = window;
    this.#adopt = adopt;
    this.#beforeFlush = beforeFlush;
  }

  /** Replays the block at this word of the window, whose records are whole. @throws StoreError KV_STORAGE_FULL, KV_STORAGE_FAILED */
  async replay(at: number, block: BlockHeader): Promise<void> {
    const { words } = this.#window;
    let from = at + BLOCK_HEADER_BYTES / 4;
    let to = from;
    let records = 0;
    for (let i = 0; i < block.records; i++) {
      const next = to + sizeOf(words, to) / 4;
      if (records > 0 && (next - from) * 4 > PIECE_BYTES_MAX) {
        await this.#replayPiece(from, to, records);
        from = to;
        records = 0;
      }
      to = next;
      records++;
    }
    if (records > 0) await this.#replayPiece(from, to, records);
    this.records += block.records;
  }

  async #replayPiece(from: number, to: number, records: number): Promise<void> {
    const engine = this.#engine;
    const { arena } = engine;
    const units = (to - from) >>> 1;
    const fits = () =>
      arena.freeUnits >= units + arena.padUnits(units) && engine.index.entries + records <= engine.index.entriesMax;
    if (!fits()) await this.#makeRoom(units, fits);
    if (!arena.fitsLap(units)) arena.wrap();
    const start = arena.push(units);
    this.#window.bytes.copy(arena.bytes, start * 4, from * 4, to * 4);
    for (let i = 0, word = start; i < records; i++, word += sizeOf(arena.words, word) / 4) this.#adopt(engine, word);
  }

  /** Room in the arena and the index; a log larger than memory goes to the base table in between. */
  async #makeRoom(units: number, fits: () => boolean): Promise<void> {
    await this.#beforeFlush?.();
    this.#beforeFlush = undefined;
    const { arena, reclaimer, flusher } = this.#engine;
    arena.publish();
    await flusher.flush(NO_LOG);
    const keep = Math.max(units, arena.capacityUnits >>> 1);
    reclaimer.makeRoom(Math.min(keep, arena.capacityUnits - 8), flusher.flushed, () => -1);
    while (!fits() && arena.usedUnits > 0) reclaimer.makeRoom(arena.freeUnits + 4096, flusher.flushed, () => -1);
    if (!fits()) throw new StoreError('KV_STORAGE_FAILED', 'memoryBytes is too small to replay the commit log');
  }
}

/** Stands in for the log during a replay: nothing is dropped before it is complete. */
export const NO_LOG = {
  segment: 0,
  writtenSequence: 0,
  syncedSequence: 0,
  standsAlone: true,
  busy: false,
  syncLater: () => undefined,
  dropBefore: () => undefined,
};
