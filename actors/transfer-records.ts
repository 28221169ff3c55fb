/**
 * How far a new holder has come with each partition that it fills: a private record each, so that it goes on where it was
 * after a crash. A record stands behind the data that it speaks of in the log, so a torn tail takes it first.
 */

import type { Store } from '../src/actor/ports.js';
import {
  forgetPrivate,
  getPrivate,
  PrivateKind,
  pagePrivate,
  privateKey,
  putPrivate,
  unlessCorrupt,
} from '../src/actor/private-record.js';
import { decodeBody, encodeBody } from '../src/protocol/body.js';

export interface TransferProgress {
  /** The change that it belongs to, and the storage incarnation that it was copied into. */
  readonly move: number;
  readonly replica: number;
  readonly partition: number;
  /** Old holders that are merged. */
  readonly merged: readonly number[];
  /** Old holders of which all is merged but what they cannot read themselves: they count only where nobody else has more. */
  readonly partial: readonly number[];
  /** Last key copied from each other source that was begun. */
  readonly cursors: readonly (readonly [source: number, after: Uint8Array])[];
  /** Everything that must be merged is, and is on disk. */
  readonly filled: boolean;
}

const PREFIX = privateKey(PrivateKind.transfer);
const PAGE = 256;

const keyOf = (partition: number) => privateKey(PrivateKind.transfer, Uint8Array.of(partition >>> 8, partition & 0xff));

/** The progress of a partition in this change, or undefined where it has not begun, or nobody can say how far it has come. */
export function loadProgress(store: Store, move: number, partition: number): TransferProgress | undefined {
  const bytes = unlessCorrupt(() => getPrivate(store, keyOf(partition)));
  const progress = bytes === undefined || bytes === 'corrupt' ? undefined : (decodeBody(bytes) as TransferProgress);
  return progress?.move === move && progress.replica === store.replica ? progress : undefined;
}

/** False where the store has no room. */
export function saveProgress(store: Store, progress: TransferProgress): boolean {
  return putPrivate(store, keyOf(progress.partition), encodeBody(progress));
}

/** Forgets the progress of every change but this one. */
export function forgetProgress(store: Store, move: number): void {
  for (const { move: other, partition } of allProgress(store)) {
    if (other !== move) forgetPrivate(store, keyOf(partition));
  }
}

/** Partitions that this node has filled in this change. */
export function filledPartitions(store: Store, move: number): number[] {
  return allProgress(store)
    .filter((one) => one.filled && one.move === move && one.replica === store.replica)
    .map(({ partition }) => partition);
}

function allProgress(store: Store): TransferProgress[] {
  const all: TransferProgress[] = [];
  for (let after: Uint8Array | undefined; ; ) {
    const pairs = pagePrivate(store, PREFIX, { after, limit: PAGE });
    for (const { value } of pairs) all.push(decodeBody(value) as TransferProgress);
    if (pairs.length < PAGE) return all;
    after = pairs.at(-1)?.key;
  }
}
