/**
 * What R replicas of a partition held at one instant. Each notes which keys change from before its first page is read on,
 * and is asked for them afterwards, in rounds; a round begins when the one before has been answered by all.
 *
 *   replica 1   watch   page page page     ask            ask
 *   replica 2   watch      page page   ask              ask
 *                                             | T
 *
 * Where a round finds that none has changed anything since it was asked before, then each was at T, when that round began,
 * what the image shows of it. What was acknowledged by W replicas before another write began is not missing where R+W > N and
 * the image has the other: that one had begun before T. Memory is bounded, as pages can be moved to a file; so are the rounds, as
 * there may be no such T.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { asStoreError, StoreError } from '../core/errors.js';
import type { MessageView } from '../protocol/header.js';
import { Page } from '../protocol/messages.js';
import { errorOf, isSuccess } from '../protocol/outcome.js';
import { keyBytesOf, RECORD_HEADER_BYTES, sizeOf } from '../protocol/record.js';
import { CHANGES_FLAG_BITS, Changes, ChangesFlag, WatchStep } from '../protocol/watch-messages.js';
import { aborted, type ReadOrder } from './call-options.js';
import { PartitionImage } from './partition-image.js';
import type { NoInstant } from './record-types.js';
import type { ScanParts } from './scan.js';
import { unlessAborted } from './unless-aborted.js';
import { askChanges, askPage, type Replica } from './vnode-calls.js';

export interface ImageLimits {
  /** Memory: an image that would take more is not made. */
  readonly bytesMax: number;
  /** Where pages are moved to from half of that on; nowhere where left out. */
  readonly folder?: string;
  /** How long rounds are tried. */
  readonly quietMsMax: number;
  /** How long it is begun anew after a change of the ring, or where a replica failed. */
  readonly attemptsMsMax: number;
}

export const IMAGE_LIMITS: ImageLimits = { bytesMax: 64 * 1024 * 1024, quietMsMax: 2_000, attemptsMsMax: 5_000 };
/** Pages of a replica between two looks at what has changed behind them: 256 KiB. */
const PAGES_BETWEEN = 8;
const ATTEMPT_PAUSE_MS = 50;
/** Reasons that another attempt may not meet. */
const PASSING: ReadonlySet<NoInstant> = new Set<NoInstant>(['ring-changing', 'unavailable']);

/** In place of a number of changes. */
const OVERFLOWN = -1;

/** What of a reading of replicas is common to them. */
interface Reading {
  readonly image: PartitionImage;
  readonly limits: ImageLimits;
  readonly watch: number;
  readonly signal: AbortSignal | undefined;
  /** What the first replica to fail has failed with: the others go no further. */
  failure: unknown;
}

/** Thrown where no image can be made, within this file. */
class NoImage extends Error {
  constructor(readonly reason: NoInstant) {
    super(reason);
  }
}

/** Number of the watch that was opened last. */
let lastWatch = 0;

/** The image, or why there is none. @throws StoreError KV_ABORTED, at once; KV_CLOSED */
export async function instantImage(
  parts: ScanParts,
  partition: number,
  order: ReadOrder,
  limits = IMAGE_LIMITS,
): Promise<PartitionImage | NoInstant> {
  const making = makeImage(parts, partition, order, limits);
  try {
    return await unlessAborted(making, order.signal);
  } catch (thrown) {
    // one that is made all the same is nobody's: its files go
    making.then((image) => (image instanceof PartitionImage ? image.close() : undefined)).catch(() => undefined);
    throw thrown;
  }
}

async function makeImage(
  parts: ScanParts,
  partition: number,
  order: ReadOrder,
  limits: ImageLimits,
): Promise<PartitionImage | NoInstant> {
  const untilMs = performance.now() + limits.attemptsMsMax;
  const failed = new Set<number>();
  for (;;) {
    if (order.signal?.aborted === true) throw aborted(order.signal);
    const image = await attempt(parts, { partition, order, limits, failed });
    if (image instanceof PartitionImage || !PASSING.has(image)) return image;
    if (performance.now() > untilMs) return image;
    await sleep(ATTEMPT_PAUSE_MS);
  }
}

interface Wanted {
  readonly partition: number;
  readonly order: ReadOrder;
  readonly limits: ImageLimits;
  /** Nodes that have failed: they are asked last, and others are added. */
  readonly failed: Set<number>;
}

async function attempt(
  { ring, seat, requests }: ScanParts,
  { partition, order, limits, failed }: Wanted,
): Promise<PartitionImage | NoInstant> {
  const { r, deadlineMs, signal } = order;
  const { nodes, version } = ring.readList(partition);
  const { epoch } = ring;
  const rank = (node: number): number => (failed.has(node) ? 2 : 0) + Number(seat.isQuiet(node));
  const asked = nodes.filter((node) => seat.isUp(node)).sort((a, b) => rank(a) - rank(b));
  if (asked.length < r) return 'unavailable';
  const image = new PartitionImage(r);
  lastWatch = (lastWatch + 1) >>> 0;
  const reading: Reading = { image, limits, watch: lastWatch, signal, failure: undefined };
  const readers = asked.slice(0, r).map((node, index) => {
    return new ReplicaReader({ seat, requests, node, partition, epoch, deadlineMs }, index, reading);
  });
  const all = (step: (reader: ReplicaReader) => Promise<number>) => allOf(readers, step, reading, failed);
  let isWhole = false;
  try {
    await all((reader) => reader.begin());
    await all((reader) => reader.readPages());
    const untilMs = performance.now() + limits.quietMsMax;
    for (let changes = 1; changes > 0; ) {
      if (performance.now() > untilMs) throw new NoImage('too-busy');
      image.atMs = Date.now();
      changes = await all((reader) => reader.next());
    }
    isWhole = ring.version === version;
    return isWhole ? image : 'ring-changing';
  } catch (thrown) {
    return reasonOf(thrown);
  } finally {
    for (const reader of readers) reader.end();
    if (!isWhole) await image.close();
  }
}

/** The sum of what a step comes to, once it has ended at every replica. @throws what the first to fail has failed with */
async function allOf(
  readers: readonly ReplicaReader[],
  step: (reader: ReplicaReader) => Promise<number>,
  reading: Reading,
  failed: Set<number>,
): Promise<number> {
  const guarded = async (reader: ReplicaReader): Promise<number> => {
    try {
      return await step(reader);
    } catch (thrown) {
      if (reading.failure === undefined && !(thrown instanceof NoImage)) failed.add(reader.node);
      reading.failure ??= thrown;
      return 0;
    }
  };
  const counts = await Promise.all(readers.map(guarded));
  if (reading.failure !== undefined) throw reading.failure;
  return counts.reduce((sum, count) => sum + count, 0);
}

/** @throws StoreError what is no replica's fault */
function reasonOf(thrown: unknown): NoInstant {
  if (thrown instanceof NoImage) return thrown.reason;
  const error = asStoreError(thrown);
  if (error.code === 'KV_ABORTED' || error.code === 'KV_CLOSED') throw error;
  if (error.code === 'KV_STALE_EPOCH') return 'ring-changing';
  return error.code === 'KV_OVERLOADED' ? 'too-busy' : 'unavailable';
}

/** One of the replicas that an image is made of. */
class ReplicaReader {
  readonly #replica: Replica;
  readonly #index: number;
  readonly #reading: Reading;

  constructor(replica: Replica, index: number, reading: Reading) {
    this.#replica = replica;
    this.#index = index;
    this.#reading = reading;
  }

  get node(): number {
    return this.#replica.node;
  }

  begin(): Promise<number> {
    return this.#ask(WatchStep.begin);
  }

  /** Takes what has changed since the answer before: how many keys, and one more where there is more. */
  async next(): Promise<number> {
    this.#check();
    return this.#ask(WatchStep.next);
  }

  /** The replica need note nothing more. Nobody waits for its answer. */
  end(): void {
    this.#ask(WatchStep.end).catch(() => undefined);
  }

  /** Reads all that the replica holds, and what changes meanwhile, so that little is noted at a time. */
  async readPages(): Promise<number> {
    let gt: Buffer | undefined;
    for (let pages = 1; ; pages++) {
      this.#check();
      gt = await askPage(this.#replica, { reverse: false, ...(gt !== undefined && { gt }) }, (page) =>
        this.#take(page),
      );
      if (gt === undefined) return 0;
      await this.#makeRoom();
      if (pages % PAGES_BETWEEN === 0) await this.next();
    }
  }

  async #ask(step: WatchStep): Promise<number> {
    const changes = await askChanges(this.#replica, { id: this.#reading.watch, step }, (message) => {
      const outcome = message.u32(Changes.outcome);
      if (!isSuccess(outcome)) throw new StoreError(errorOf(outcome), 'a replica could not say what has changed');
      const detail = message.u32(Changes.detail);
      if ((detail & ChangesFlag.overflown) !== 0) return OVERFLOWN;
      const count = detail >>> CHANGES_FLAG_BITS;
      const { image } = this.#reading;
      eachRecord(message, message.at + Changes.records, count, (at) => {
        image.putChanged(this.#index, message.words, message.bytes, at);
      });
      return count + (detail & ChangesFlag.more);
    });
    if (changes === OVERFLOWN) throw new NoImage('too-busy');
    return changes;
  }

  /** Key of the last record of a page that others follow. */
  #take(message: MessageView): Buffer | undefined {
    const outcome = message.u32(Page.outcome);
    if (!isSuccess(outcome)) throw new StoreError(errorOf(outcome), 'a replica could not read a page of a partition');
    const detail = message.u32(Page.detail);
    const last = eachRecord(message, message.at + Page.records, detail >>> 1, (at) => {
      this.#reading.image.putPaged(this.#index, message.words, at);
    });
    if ((detail & 1) === 0 || last < 0) return undefined;
    const start = last * 4 + RECORD_HEADER_BYTES;
    return Buffer.from(message.bytes.subarray(start, start + keyBytesOf(message.words, last)));
  }

  async #makeRoom(): Promise<void> {
    const { image, limits } = this.#reading;
    const { bytesMax, folder } = limits;
    if (folder === undefined || image.bytes <= bytesMax / 2) return;
    if (!(await image.spill(this.#index, folder))) throw new NoImage('no-room');
  }

  #check(): void {
    const { signal, image, limits, failure } = this.#reading;
    if (signal?.aborted === true) throw aborted(signal);
    if (failure !== undefined) throw failure;
    if (image.bytes > limits.bytesMax) throw new NoImage('too-large');
  }
}

/** Calls back with the word of each of so many records from this word on; the word of the last one, or -1. */
function eachRecord({ words }: MessageView, first: number, count: number, take: (at: number) => void): number {
  let last = -1;
  for (let left = count, at = first; left > 0; left--, at += sizeOf(words, at) / 4) {
    take(at);
    last = at;
  }
  return last;
}
