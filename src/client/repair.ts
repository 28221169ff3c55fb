/**
 * Repair on demand: has the first holder of each partition that is up compare it with all other holders, a few partitions
 * at a time, and tells how far it is.
 */
import { addressOf, Role } from '../actor/address.js';
import { asStoreError, type ErrorCode, StoreError } from '../core/errors.js';
import { invalidOption } from '../core/option-check.js';
import type { RingReport } from '../host/reports.js';
import { ALL_PEERS, Exchange, Exchanged, ExchangeFlag } from '../protocol/exchange-messages.js';
import type { MessageView } from '../protocol/header.js';
import { Kind } from '../protocol/messages.js';
import { errorOf, isSuccess } from '../protocol/outcome.js';
import { aborted, checkLongCall } from './call-options.js';
import type { Requests } from './requests.js';
import type { Seat } from './seat.js';
import type { RepairOptions, RepairProgress, RepairResult } from './types.js';
import { PromiseWaiter } from './waiters.js';

export interface RepairParts {
  readonly seat: Seat;
  readonly requests: Requests;
  readonly ring: RingReport;
  /** @throws StoreError KV_CLOSED once the store is being closed */
  readonly checkOpen: () => void;
}

interface PartitionRepair {
  readonly differing: number;
  readonly moved: number;
}

/** Partitions under way at the same time: each node does one exchange after the other. */
const AT_ONCE = 4;
/** A large partition is read record by record, in slices. */
const EXCHANGE_MS_MAX = 3_600_000;
const NAMES = new Set(['partition', 'dryRun', 'signal', 'onProgress']);

/** @throws StoreError KV_INVALID_OPTION, KV_ABORTED, KV_CLOSED */
export async function repair(parts: RepairParts, options: RepairOptions = {}): Promise<RepairResult> {
  checkLongCall(options, NAMES);
  const { signal, onProgress, dryRun = false } = options;
  if (typeof dryRun !== 'boolean') throw invalidOption('dryRun', 'dryRun must be true or false');
  const wanted = partitionsOf(parts.ring, options.partition);
  const failed: { partition: number; code: ErrorCode }[] = [];
  let progress: RepairProgress = { done: 0, partitions: wanted.length, differing: 0, moved: 0 };
  const next = wanted.values();
  const work = async (): Promise<void> => {
    for (const partition of next) {
      if (signal?.aborted === true) throw aborted(signal);
      // `close` waits for what is in flight: no more of it than the partitions under way
      parts.checkOpen();
      const found = await exchange(parts, partition, dryRun).catch((thrown: unknown) => {
        failed.push({ partition, code: asStoreError(thrown).code });
        return { differing: 0, moved: 0 };
      });
      progress = {
        done: progress.done + 1,
        partitions: wanted.length,
        differing: progress.differing + found.differing,
        moved: progress.moved + found.moved,
      };
      onProgress?.(progress);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return { partitions: wanted.length, differing: progress.differing, moved: progress.moved, failed };
}

function partitionsOf({ partitions }: RingReport, one: number | undefined): number[] {
  if (one === undefined) return Array.from({ length: partitions }, (_, partition) => partition);
  if (Number.isInteger(one) && one >= 0 && one < partitions) return [one];
  throw invalidOption('partition', `partition must be 0 to ${partitions - 1}`);
}

function exchange(parts: RepairParts, partition: number, dryRun: boolean): Promise<PartitionRepair> {
  const { seat, requests, ring } = parts;
  const node = ring.preferenceLists[partition].find((holder) => seat.isUp(holder));
  if (node === undefined) throw new StoreError('KV_UNAVAILABLE', `no replica of partition ${partition} is up`);
  return new Promise((resolve, reject) => {
    const waiter = new PromiseWaiter(decodeExchanged, resolve, reject);
    const id = requests.begin(node, (seat.nowMs + EXCHANGE_MS_MAX) >>> 0, waiter);
    if (!seat.open(Kind.exchange, addressOf(Role.antiEntropy, node, 0), id, Exchange.end * 4)) {
      requests.end(id);
      reject(new StoreError('KV_OVERLOADED', `the mailbox of node ${node} is full; try again`, { node }));
      return;
    }
    const { words, at } = seat.out;
    words[at + Exchange.partition] = partition;
    words[at + Exchange.peer] = ALL_PEERS;
    words[at + Exchange.options] = dryRun ? ExchangeFlag.dryRun : 0;
    words[at + Exchange.end - 1] = 0;
  });
}

function decodeExchanged(message: MessageView): PartitionRepair {
  const outcome = message.u32(Exchanged.outcome);
  if (!isSuccess(outcome)) throw new StoreError(errorOf(outcome), 'replicas of a partition could not be compared');
  const moved = message.u32(Exchanged.sent) + message.u32(Exchanged.received);
  return { differing: message.u32(Exchanged.differing), moved };
}
