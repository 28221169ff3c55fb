/** What `repair` and `drain` take, tell and come to. */
import type { ErrorCode } from '../core/errors.js';

export interface RepairOptions {
  /** Only this partition. */
  readonly partition?: number;
  /** Count what differs and change nothing. */
  readonly dryRun?: boolean;
  /** Begins no further partition. */
  readonly signal?: AbortSignal;
  /** Told after each partition. */
  readonly onProgress?: (progress: RepairProgress) => void;
}

export interface RepairProgress {
  /** Partitions compared so far, of `partitions`. */
  readonly done: number;
  readonly partitions: number;
  /** Keys whose records differed. */
  readonly differing: number;
  /** Records that were copied. */
  readonly moved: number;
}

export interface RepairResult {
  readonly partitions: number;
  readonly differing: number;
  readonly moved: number;
  /** Partitions that could not be compared with all of their holders, and why. */
  readonly failed: readonly { readonly partition: number; readonly code: ErrorCode }[];
}

export interface DrainOptions {
  /** How long to wait for what is in flight and for hints, 60 s by default. */
  readonly waitMs?: number;
  /** Ends the wait; writes stay refused. */
  readonly signal?: AbortSignal;
  /** Told again and again while it waits. */
  readonly onProgress?: (progress: DrainProgress) => void;
}

export interface DrainProgress {
  /** Calls through this store that are not answered yet. */
  readonly inFlight: number;
  /** Keys that other nodes lack and the nodes of this host are to hand over. */
  readonly hints: number;
  /** Partitions of others that miss writes, without a hint that tells which: anti-entropy is due. */
  readonly notes: number;
}

export interface DrainResult extends Omit<DrainProgress, 'inFlight'> {
  /** Nothing is left to hand over; false where the time was over first. */
  readonly drained: boolean;
}
