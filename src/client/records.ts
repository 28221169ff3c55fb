/**
 * Whole records out of a store and into another one, for backups. Out: what R replicas hold, merged, partition by
 * partition. In: plain writes, which get dots of the store that takes them; siblings are written one by one under the
 * context of what all replicas had before, which covers none of them, so that they are siblings again. A record that is there
 * already is left alone, so restoring the same records again does nothing.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { asStoreError, type StoreError } from '../core/errors.js';
import { wallMsOf } from '../core/hybrid-clock.js';
import { invalidOption } from '../core/option-check.js';
import { liveSiblings, type Sibling, type SiblingSet } from '../core/siblings.js';
import type { VersionVector } from '../core/version-vector.js';
import { Tag } from '../protocol/record.js';
import { aborted, checkNames } from './call-options.js';
import { IMAGE_LIMITS, instantImage } from './instant-image.js';
import { PartitionImage } from './partition-image.js';
import { checkRecord } from './record-shape.js';
import type {
  RecordsOptions,
  RestoreOptions,
  RestoreResult,
  StoredRecord,
  StoredSibling,
  ValueType,
} from './record-types.js';
import { type Entry, scanEntries } from './scan.js';
import type { StoreCore } from './store-core.js';
import type { Value } from './types.js';
import { EncodedCbor } from './values.js';
import { REPEATED } from './waiters.js';

/** Records of one `restore` under way at the same time. */
const LANES = 128;
const RETRY_MS_FIRST = 2;
const RETRY_MS_MAX = 100;
const TYPE_OF: Readonly<Record<number, ValueType>> = {
  [Tag.ascii]: 'string',
  [Tag.utf8]: 'string',
  [Tag.bytes]: 'bytes',
  [Tag.cbor]: 'cbor',
};
const RESTORE_NAMES = new Set(['w', 'durability', 'deadlineMs']);
const NOTHING = new Uint8Array(0);

/** What one record alone is to blame for: the others can be written. */
const OWN_FAULTS: ReadonlySet<string> = new Set([
  'KV_PAIR_TOO_LARGE',
  'KV_TOO_MANY_SIBLINGS',
  'KV_INVALID_KEY',
  'KV_INVALID_VALUE',
]);

/** Records that are not dead, in byte order of their keys. @throws StoreError KV_INVALID_OPTION, KV_READ_QUORUM_UNMET */
export async function* records(
  core: StoreCore,
  partitions: number,
  { partition, gt, onInstant, spillTo, ...options }: RecordsOptions,
): AsyncGenerator<StoredRecord, void, undefined> {
  if (partition !== undefined && !(Number.isInteger(partition) && partition >= 0 && partition < partitions)) {
    const message = `partition must be a whole number from 0 to ${partitions - 1}, not ${String(partition)}`;
    throw invalidOption('partition', message);
  }
  const { r = core.calls.quorum } = options;
  const order = core.calls.read({ ...options, r, mode: 'strict' });
  const { seat, requests, ring } = core;
  const parts = { seat, requests, ring, partitions, ...(partition !== undefined && { only: partition }) };
  const bounds = { reverse: false, ...(gt !== undefined && { gt }) };
  if (onInstant !== undefined) {
    if (partition === undefined || gt !== undefined) {
      const message = 'onInstant goes with a partition and without gt: a whole partition is read at one instant';
      throw invalidOption('onInstant', message);
    }
    const limits = spillTo === undefined ? IMAGE_LIMITS : { ...IMAGE_LIMITS, folder: spillTo };
    const image = await instantImage(parts, partition, order, limits);
    if (image instanceof PartitionImage) {
      try {
        onInstant({ instant: true });
        for await (const entry of image.entries()) {
          core.checkOpen();
          if (order.signal?.aborted === true) throw aborted(order.signal);
          const record = storedRecord(entry, image.atMs);
          if (record !== undefined) yield record;
        }
      } finally {
        await image.close();
      }
      return;
    }
    onInstant({ instant: false, reason: image });
  }
  for await (const entry of scanEntries(parts, bounds, order)) {
    core.checkOpen();
    const record = storedRecord(entry, Date.now());
    if (record !== undefined) yield record;
  }
}

/** What writes records. */
export type RecordWriter = Pick<StoreCore, 'calls' | 'window' | 'readSet' | 'writePlainly'>;

/** Writes what is not there already. @throws StoreError KV_INVALID_OPTION, or another for what is no single record's fault */
export async function restore(
  core: RecordWriter,
  given: Iterable<StoredRecord>,
  options: RestoreOptions = {},
): Promise<RestoreResult> {
  checkNames(options, RESTORE_NAMES);
  if (typeof given?.[Symbol.iterator] !== 'function')
    throw invalidOption('records', 'restore takes an iterable of records');
  let written = 0;
  let unchanged = 0;
  const failed: { key: Buffer; code: StoreError['code']; message: string }[] = [];
  const next = given[Symbol.iterator]();
  const lane = async (): Promise<void> => {
    for (let { done, value: record } = next.next(); !done; { done, value: record } = next.next()) {
      try {
        if (await restoreOne(core, record, options)) written++;
        else unchanged++;
      } catch (thrown) {
        const { code, message } = asStoreError(thrown);
        if (!OWN_FAULTS.has(code)) throw thrown;
        failed.push({ key: record?.key, code, message });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(LANES, core.window) }, lane));
  return { written, unchanged, failed };
}

/**
 * Whether anything had to be written. Where a try ends with KV_WRITE_QUORUM_UNMET, some replica may have what it wrote: the
 * next one begins with a read of all, whose context covers that too, so that no sibling stands there twice.
 */
async function restoreOne(core: RecordWriter, record: StoredRecord, options: RestoreOptions): Promise<boolean> {
  checkRecord(record);
  const { key, siblings } = record;
  const { w, durability, deadlineMs = core.calls.defaultRead.deadlineMs } = options;
  const given = { ...(w !== undefined && { w }), ...(durability !== undefined && { durability }), deadlineMs };
  const endMs = performance.now() + deadlineMs;
  const { set } = await core.readSet(key, core.calls.read({ deadlineMs }));
  const nowMs = Date.now();
  const wanted = siblings.map((sibling) => asOf(sibling, nowMs));
  const held = set.siblings.map((sibling) => stored(sibling, nowMs));
  if (wanted.every(({ tombstone }) => tombstone) || same(held, wanted)) return false;
  for (let pauseMs = RETRY_MS_FIRST; ; pauseMs = Math.min(RETRY_MS_MAX, pauseMs * 2)) {
    const context = siblings.length === 1 ? undefined : await contextOfAll(core, key, deadlineMs);
    try {
      // oldest first: the newest gets the greatest clock again
      for (const sibling of wanted.toReversed()) {
        const { tombstone, expiresAtMs } = sibling;
        const order = { ...core.calls.write(given, tombstone, 0), context, expiresAtMs };
        await persistently(() => core.writePlainly(key, plainValue(sibling), order), endMs);
      }
      return true;
    } catch (thrown) {
      if (asStoreError(thrown).code !== 'KV_WRITE_QUORUM_UNMET' || performance.now() > endMs) throw thrown;
      await sleep(pauseMs);
    }
  }
}

/** Covers what all replicas hold together, or as many of them as answer: what one alone has is seen. */
async function contextOfAll(core: RecordWriter, key: Buffer, deadlineMs: number): Promise<VersionVector> {
  try {
    return (await core.readSet(key, core.calls.read({ r: core.calls.n, mode: 'strict', deadlineMs }))).set.vector;
  } catch (thrown) {
    if (!asStoreError(thrown).retryable) throw thrown;
    return (await core.readSet(key, core.calls.read({ deadlineMs }))).set.vector;
  }
}

/** Again where nothing was done, while nodes wait for their disks. */
async function persistently(write: () => Promise<unknown>, endMs: number): Promise<void> {
  for (let pauseMs = RETRY_MS_FIRST; ; pauseMs = Math.min(RETRY_MS_MAX, pauseMs * 2)) {
    try {
      await write();
      return;
    } catch (thrown) {
      const { code } = asStoreError(thrown);
      const isUndone = REPEATED.has(code) && code !== 'KV_WRITE_QUORUM_UNMET';
      if (!isUndone || performance.now() > endMs) throw thrown;
      await sleep(pauseMs);
    }
  }
}

/** What a backup keeps of a record; undefined where nothing of it lives. */
function storedRecord({ key, set }: Entry, nowMs: number): StoredRecord | undefined {
  if (!hasLife(set, nowMs)) return undefined;
  return { key, siblings: set.siblings.map((sibling) => stored(sibling, nowMs)) };
}

function hasLife(set: SiblingSet, nowMs: number): boolean {
  return liveSiblings(set, nowMs).length > 0;
}

function stored({ tag, value, tombstone, expiresAtMs, clock }: Sibling, nowMs: number): StoredSibling {
  const type = TYPE_OF[tag] ?? 'bytes';
  return asOf({ type, value, tombstone, expiresAtMs, writtenAtMs: wallMsOf(clock) }, nowMs);
}

/** What has expired is as good as deleted. */
function asOf(sibling: StoredSibling, nowMs: number): StoredSibling {
  const { tombstone, expiresAtMs, writtenAtMs } = sibling;
  if (!tombstone && (expiresAtMs === 0 || expiresAtMs > nowMs)) return sibling;
  return { type: 'bytes', value: NOTHING, tombstone: true, expiresAtMs: 0, writtenAtMs };
}

function same(held: readonly StoredSibling[], wanted: readonly StoredSibling[]): boolean {
  return (
    held.length === wanted.length &&
    held.every((one, index) => {
      const { type, value, tombstone, expiresAtMs } = wanted[index];
      const isAlike = one.type === type && one.tombstone === tombstone && one.expiresAtMs === expiresAtMs;
      return isAlike && Buffer.compare(one.value, value) === 0;
    })
  );
}

function plainValue({ type, value, tombstone }: StoredSibling): Value {
  if (tombstone) return undefined;
  if (type === 'bytes') return value;
  return type === 'cbor' ? new EncodedCbor(value) : Buffer.from(value).toString('utf8');
}
