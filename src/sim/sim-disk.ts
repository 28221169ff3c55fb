/**
 * What a simulated node keeps when its thread ends: its storage incarnation and its log, the synced part of which also
 * survives the machine. There is no base table: the log is never cut, and a restart replays all of it.
 */
import type { DoubtCause } from '../actor/partition-doubts.js';
import { type ReplicaId, replicaId } from '../core/ids.js';
import type { Random } from './random.js';
import { type SimDamage, salvaged } from './sim-salvage.js';

export interface LogRecord {
  readonly sequence: number;
  /** The record alone, from word 0. */
  readonly words: Int32Array<ArrayBuffer>;
}

/** What a disk may do to a node besides ending with its machine. */
export type DiskLoss = 'unsynced lost' | 'torn write' | 'wiped' | 'rolled back' | 'damaged';

const DAMAGED_TURNS_MAX = 3;

export class SimDisk {
  readonly log: LogRecord[] = [];
  /** Records from the front of the log that are synced. */
  synced = 0;
  /** What was synced and then taken away all the same. */
  readonly lostSynced: LogRecord[] = [];
  /** Times that something was lost. */
  losses = 0;
  replica: ReplicaId;
  /** Why acknowledged writes may be missing, until the node has compared with enough others. */
  doubt: DoubtCause = 'none';
  readonly #random: Random;
  /** Plants a fault: the storage incarnation survives a loss, and dots are minted twice. */
  readonly #keepsIncarnation: boolean;
  /** Length of the log behind each turn. */
  #turns: number[] = [];
  #damage: SimDamage | undefined;

  constructor(random: Random, { keepsIncarnation = false } = {}) {
    this.#random = random;
    this.#keepsIncarnation = keepsIncarnation;
    this.replica = newReplica(random);
  }

  append(record: LogRecord): void {
    this.log.push(record);
  }

  endTurn(): void {
    if (this.#turns.at(-1) !== this.log.length) this.#turns.push(this.log.length);
  }

  sync(): void {
    this.synced = this.log.length;
  }

  /** The sequence number of the record that comes next. */
  get nextSequence(): number {
    return (this.log.at(-1)?.sequence ?? 0) + 1;
  }

  /** The machine went down: a part of what was not synced, from the end, is gone; what of it is cut may be half a turn. */
  loseUnsynced(): DiskLoss | undefined {
    const kept = this.synced + this.#random.below(this.log.length - this.synced + 1);
    const isTorn = kept > this.synced && !this.#turns.includes(kept);
    return this.#cut(kept, 'loss') > 0 ? (isTorn ? 'torn write' : 'unsynced lost') : undefined;
  }

  /** Some turns that were synced, with others behind them, cannot be read any more: a bit has flipped, a sector is zeros. */
  damage(): DiskLoss | undefined {
    const ends = this.#turns.filter((end) => end <= this.synced && end < this.log.length);
    if (ends.length === 0) return undefined;
    const first = this.#random.below(ends.length);
    const last = Math.min(ends.length - 1, first + this.#random.below(DAMAGED_TURNS_MAX));
    const flushed = this.#random.below(this.log.length + 1);
    this.#damage = { from: ends[first - 1] ?? 0, to: ends[last], flushed };
    return 'damaged';
  }

  /** Whether the next life finds the log damaged before its end. */
  get isDamaged(): boolean {
    return this.#damage !== undefined;
  }

  /** Keeps what is intact of a damaged log, on disk, in doubt. `doubts: false` plants a fault: it counts at once. */
  salvage({ doubts = true } = {}): void {
    const { log } = this;
    if (this.#damage === undefined) return;
    const kept = salvaged(log, this.#damage);
    this.#damage = undefined;
    const isKept = new Set(kept);
    this.lostSynced.push(...log.slice(0, this.synced).filter((record) => !isKept.has(record)));
    if (kept.length < log.length) this.losses++;
    this.#turns = this.#turns.map((end) => log.slice(0, end).filter((record) => isKept.has(record)).length);
    log.splice(0, log.length, ...kept);
    this.synced = log.length;
    if (doubts) this.doubt = 'rollback';
    if (!this.#keepsIncarnation) this.replica = newReplica(this.#random);
  }

  /** An empty disk in its place. */
  wipe(): DiskLoss {
    this.#damage = undefined;
    this.#cut(0, 'loss');
    return 'wiped';
  }

  /** The directory of a node that begins anew, under another storage incarnation: nothing is missing in it. */
  clear(): void {
    this.#damage = undefined;
    this.#cut(0, 'none');
    this.doubt = 'none';
  }

  /** The disk as it was some time ago, synced or not. */
  rollBack(kept = this.#random.below(this.log.length + 1)): DiskLoss | undefined {
    this.#damage = undefined;
    return this.#cut(kept, 'rollback') > 0 ? 'rolled back' : undefined;
  }

  /** A node that may have lost something takes another storage incarnation, or it would mint dots twice. */
  #cut(kept: number, cause: DoubtCause): number {
    const lost = this.log.length - kept;
    this.lostSynced.push(...this.log.slice(kept, this.synced));
    this.log.length = kept;
    this.synced = Math.min(this.synced, kept);
    while ((this.#turns.at(-1) ?? 0) > kept) this.#turns.pop();
    if (lost > 0 && cause !== 'none') this.losses++;
    if (this.#keepsIncarnation) return lost;
    this.replica = newReplica(this.#random);
    this.doubt = this.doubt === 'rollback' ? 'rollback' : cause;
    return lost;
  }
}

function newReplica(random: Random): ReplicaId {
  return replicaId((random.u32() & 0xffff) * 0x1_0000_0000 + random.u32() || 1);
}
