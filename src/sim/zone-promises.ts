/**
 * How many replicas, and of which zones, stand behind what a client was told, and whether a read and a write must have one in
 * common: the arithmetic of quorums by zone, counted anew and not as src/core/zone-quorum.ts does.
 */
import type { Quorum } from '../core/zone-quorum.js';
import type { ReadOrder, WriteOrder } from './messages.js';

/** Replicas that an answer has waited for: of each of these zones, or wherever they are. */
export interface Backing {
  readonly total: number;
  readonly byZone: ReadonlyMap<string, number> | undefined;
}

/** `holders`: the zone of each replica; `own`: that of the coordinator. */
export function backingOf(order: WriteOrder | ReadOrder, holders: readonly string[], own: string): Backing {
  const { zones } = order;
  if (zones === undefined) return { total: 'w' in order ? order.w : order.r, byZone: undefined };
  const counted = zones === 'each-quorum' ? [...new Set(holders)] : [own];
  const byZone = new Map(counted.map((zone) => [zone, neededOf(zones, sizeOf(holders, zone))]));
  return { total: [...byZone.values()].reduce((sum, needed) => sum + needed, 0), byZone };
}

const neededOf = (quorum: Exclude<Quorum, number>, size: number): number =>
  typeof quorum === 'string' ? Math.floor(size / 2) + 1 : quorum.local;

const sizeOf = (holders: readonly string[], zone: string): number => holders.filter((other) => other === zone).length;

/** Whether any replicas that back a write and any that back a read have one in common, that has not `lost` it. */
export function mustMeet(write: Backing, read: Backing, holders: readonly string[], lost: number): boolean {
  if (write.byZone === undefined || read.byZone === undefined) return write.total + read.total - lost > holders.length;
  for (const [zone, needed] of write.byZone) {
    if (needed + (read.byZone.get(zone) ?? 0) - lost > sizeOf(holders, zone)) return true;
  }
  return false;
}
