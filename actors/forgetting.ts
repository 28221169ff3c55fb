/**
 * What a node no longer holds, it forgets: partition by partition, in small slices, by the ring that it has adopted, and only
 * while nothing moves. It forgets nothing while it keeps hints or notes, whose data that may be, and nothing written of
 * late, which may be on its way to a hint.
 */
import type { Env } from '../src/actor/env.js';
import { driftMs } from '../src/core/hybrid-clock.js';
import type { PartitionId } from '../src/core/ids.js';
import { clockOf, keyBytesOf, RECORD_HEADER_BYTES, Rec } from '../src/protocol/record.js';
import type { Debts } from './ring-leavers.js';

/** A sweep over the partitions. */
export interface Forgetting {
  partition: number;
  after: Uint8Array | undefined;
  /** Partitions to look at before the sweep is over. */
  left: number;
  /** Something was too young: another sweep has to follow. */
  hasYoung: boolean;
}

const SLICE_RECORDS = 64;
/** Younger records stay: who wrote them may still note a hint. */
export const FORGET_AGE_MS = 30_000;

export function startForgetting({ placement }: Env): Forgetting {
  return { partition: 0, after: undefined, left: placement.partitions, hasYoung: false };
}

/** Forgets one slice and steps on. */
export function forgetSlice(state: Forgetting, { owes }: Debts, env: Env): void {
  const { partition } = state;
  if (isHolder(partition, env)) {
    stepOn(state, env);
    return;
  }
  if (owes) {
    state.hasYoung = true;
    stepOn(state, env);
    return;
  }
  const heads: Int32Array[] = [];
  // what cannot be read stays where it is: it is nobody's copy any more
  const onCorrupt = () => undefined;
  const request = { limit: SLICE_RECORDS, onCorrupt, ...(state.after !== undefined && { gt: state.after }) };
  const more = env.store.page(partition as PartitionId, request, (words, at) => {
    heads.push(words.slice(at, at + Rec.key + ((keyBytesOf(words, at) + 3) >>> 2)));
    return true;
  });
  for (const head of heads) {
    if (isYoung(head, 0, env)) state.hasYoung = true;
    else if (!forgetKey(head, env)) return;
  }
  const last = heads.at(-1);
  if (more && last !== undefined) state.after = keyOf(last);
  else stepOn(state, env);
}

/** Forgets the record at this word, where a sweep would: for whoever cannot wait for the next one. */
export function forgetStray(partition: number, at: number, { owes }: Debts, env: Env): boolean {
  const { store, placement } = env;
  if (placement.ring.move !== undefined || isHolder(partition, env)) return false;
  if (isYoung(store.words, at, env) || owes) return false;
  return store.forget(at);
}

const isYoung = (words: Int32Array, at: number, env: Env): boolean =>
  -driftMs(clockOf(words, at), env.wallMs()) < FORGET_AGE_MS;

/** False where the store has no room: the slice is tried again. */
function forgetKey(head: Int32Array, { store }: Env): boolean {
  const at = store.find(head, head[Rec.keyHash], head[Rec.keySlot], Rec.key);
  return at < 0 || store.forget(at);
}

function isHolder(partition: number, { placement, node }: Env): boolean {
  const { n, preference, next } = placement;
  const [first, end] = [partition * n, (partition + 1) * n];
  return preference.subarray(first, end).includes(node) || next.subarray(first, end).includes(node);
}

function stepOn(state: Forgetting, { placement }: Env): void {
  state.partition = (state.partition + 1) % placement.partitions;
  state.after = undefined;
  state.left--;
}

const keyOf = (head: Int32Array): Uint8Array =>
  new Uint8Array(head.buffer, head.byteOffset + RECORD_HEADER_BYTES, keyBytesOf(head, 0)).slice();
