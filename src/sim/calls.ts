/** What a simulated client has asked, and what became of it. */
import type { ErrorCode } from '../core/errors.js';
import type { Clock } from '../core/ids.js';
import type { SiblingSet } from '../core/siblings.js';
import type { PageEntry, ReadOrder, WriteOrder } from './messages.js';

export interface CallBase {
  readonly client: number;
  readonly node: number;
  readonly startMs: number;
  /** Virtual time of its end; Infinity as long as it is open. */
  endMs: number;
  /** Why it failed; undefined for a success, and as long as it is open. */
  error: ErrorCode | undefined;
}

export interface WriteCall extends CallBase {
  readonly kind: 'write';
  readonly order: WriteOrder;
  replicas: number;
  fallbacks: number;
  durability: number;
  clock: Clock;
  /** Siblings that it left, or needed << 8 | got. */
  detail: number;
}

export interface ReadCall extends CallBase {
  readonly kind: 'read';
  readonly order: ReadOrder;
  set: SiblingSet;
  replicas: number;
  fallbacks: number;
  holders: number;
}

export interface ScanCall extends CallBase {
  readonly kind: 'scan';
  entries: readonly PageEntry[];
  more: boolean;
}

export type Call = WriteCall | ReadCall | ScanCall;
