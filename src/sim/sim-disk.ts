/**
 * What a simulated node keeps when its thread ends: its storage incarnation and its log, the synced part of which also
 * survives the machine. There is no base table: the log is never cut, and a restart replays all of it.
 */
import { type ReplicaId, replicaId } from '../core/ids.js';
import type { Random } from './random.js';

export interface LogRecord {
  readonly sequence: number;
  /** The record alone, from word 0. */
  readonly words: Int32Array<ArrayBuffer>;
}

export class SimDisk {
  readonly log: LogRecord[] = [];
  /** Records from the front of the log that are synced. */
  synced = 0;
  /** Times that something was lost. */
  losses = 0;
  replica: ReplicaId;
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
    this.replica = newReplica(random);
  }

  append(record: LogRecord): void {
    this.log.push(record);
  }

  sync(): void {
    this.synced = this.log.length;
  }

  /** The sequence number of the record that comes next. */
  get nextSequence(): number {
    return (this.log.at(-1)?.sequence ?? 0) + 1;
  }

  /**
   * The machine went down: a part of what was not synced, from the end, is gone. A node that may have lost something
   * takes another storage incarnation, or it would mint dots twice; `keepsIncarnation` plants that very fault.
   */
  loseUnsynced({ keepsIncarnation }: { readonly keepsIncarnation: boolean }): number {
    const kept = this.synced + this.#random.below(this.log.length - this.synced + 1);
    const lost = this.log.length - kept;
    this.log.length = kept;
    this.synced = kept;
    if (lost > 0) this.losses++;
    if (!keepsIncarnation) this.replica = newReplica(this.#random);
    return lost;
  }
}

function newReplica(random: Random): ReplicaId {
  return replicaId((random.u32() & 0xffff) * 0x1_0000_0000 + random.u32() || 1);
}
