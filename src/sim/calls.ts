/** What a simulated client has asked, and what became of it. */
import type { ErrorCode } from '../core/errors.js';
import { type Clock, clock } from '../core/ids.js';
import { emptySet, type Sibling, type SiblingSet } from '../core/siblings.js';
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
  /** Among the writes that its client has asked for; one that is sent again keeps it. */
  readonly position: number;
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
  /** What of it the caller is shown, by its own clock, and what that said. */
  shown: readonly Sibling[];
  shownAtMs: number;
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

export interface CallOptions {
  /** The node that coordinates; the first of the key's holders that is up where left out. */
  readonly node?: number;
  /** Of a write that is sent again. */
  readonly position?: number;
  readonly done?: (call: Call) => void;
}

/** A write of which nothing is known yet. */
export function beginWrite(base: CallBase, order: WriteOrder, position: number): WriteCall {
  return {
    ...base,
    kind: 'write',
    order,
    position,
    replicas: 0,
    fallbacks: 0,
    durability: 0,
    clock: clock(0),
    detail: 0,
  };
}

/** A read of which nothing is known yet. */
export function beginRead(base: CallBase, order: ReadOrder): ReadCall {
  const told = { set: emptySet(), shown: [], shownAtMs: 0, replicas: 0, fallbacks: 0, holders: 0 };
  return { ...base, kind: 'read', order, ...told };
}

/** How often a refused call is sent again, and how much later. */
export const RESENDS_MAX = 8;
export const RESEND_MS = 40;

/** Whether the call was refused for what its client knows better now: src/client sends it again. */
export const isCurable = ({ error }: Call): boolean => error === 'KV_DEADLINE_EXCEEDED' || error === 'KV_STALE_EPOCH';
