/**
 * How a vnode answers a client that watches its partition: with what it holds now of the keys that have changed since the
 * answer before, as many as fit a message. A key is noted anew by the next change after it was told.
 */
import type { Env } from '../src/actor/env.js';
import type { Store } from '../src/actor/ports.js';
import { asStoreError, type ErrorCode, StoreError } from '../src/core/errors.js';
import type { MessageView } from '../src/protocol/header.js';
import { PAGE_BYTES_MAX } from '../src/protocol/limits.js';
import { Kind } from '../src/protocol/messages.js';
import { failure, success } from '../src/protocol/outcome.js';
import { copyWords, Flag, Rec, sizeOf } from '../src/protocol/record.js';
import { CHANGES_FLAG_BITS, Changes, ChangesFlag, Watch, WatchStep } from '../src/protocol/watch-messages.js';
import type { ChangeWatch, WatchName } from './change-watches.js';
import type { VnodeState } from './vnode.js';
import { grown } from './vnode-scan.js';

interface Told {
  words: Int32Array;
  used: number;
  /** As in the message. */
  detail: number;
}

const NOTHING: Told = { words: new Int32Array(0), used: 0, detail: 0 };

export function answerWatch(state: VnodeState, message: MessageView, env: Env): void {
  const name: WatchName = { owner: message.from, id: message.u32(Watch.id), partition: state.partition };
  let told: Told;
  try {
    told = take(state, name, message, env);
  } catch (error) {
    state.options.watches?.end(name);
    refuse(message, asStoreError(error).code, env);
    return;
  }
  const out = env.open(Kind.changes, message.from, message.request, (Changes.records + told.used) * 4);
  if (out === undefined) {
    // nobody is there: what was to be told is off the watch
    state.options.watches?.end(name);
    return;
  }
  out.words[out.at + Changes.outcome] = success(1, 0);
  out.words[out.at + Changes.detail] = told.detail;
  copyWords(told.words, 0, out.words, out.at + Changes.records, told.used);
}

function refuse(message: MessageView, code: ErrorCode, env: Env): void {
  const out = env.open(Kind.changes, message.from, message.request, Changes.records * 4);
  if (out === undefined) return;
  out.words[out.at + Changes.outcome] = failure(code);
  out.words[out.at + Changes.detail] = 0;
}

/** @throws StoreError KV_STALE_EPOCH, KV_UNAVAILABLE, KV_OVERLOADED, KV_CORRUPT */
function take({ partition, options }: VnodeState, name: WatchName, message: MessageView, env: Env): Told {
  const { doubts, watches } = options;
  const step = message.u32(Watch.step);
  if (step === WatchStep.end) {
    watches?.end(name);
    return NOTHING;
  }
  if (doubts?.has(partition) === true) throw new StoreError('KV_UNAVAILABLE', 'the replica is in doubt');
  const { changedAt, slotShift } = env.placement;
  if (message.u32(Watch.epoch) < changedAt[partition]) {
    throw new StoreError('KV_STALE_EPOCH', 'the partition has other holders by now');
  }
  if (step === WatchStep.begin) {
    if (watches?.begin(name, slotShift, () => env.nowMs()) === true) return NOTHING;
    throw new StoreError('KV_OVERLOADED', 'too many partitions of the node are watched already; try again later');
  }
  const watch = watches?.ask(name, env.nowMs());
  if (watch === undefined) throw new StoreError('KV_UNAVAILABLE', 'the watch has ended; begin a new one');
  if (!watch.isOverflown) {
    return tell(watch, Math.min(message.u32(Watch.bytesMax), PAGE_BYTES_MAX) / 4, env.store);
  }
  watches?.end(name);
  return { ...NOTHING, detail: ChangesFlag.overflown };
}

/** Takes keys off the watch, as many as fit. @throws StoreError KV_CORRUPT */
function tell(watch: ChangeWatch, wordsMax: number, store: Store): Told {
  const told = { words: new Int32Array(256), used: 0, detail: 0 };
  let count = 0;
  for (const [name, marker] of watch.changed) {
    const held = store.find(marker, marker[Rec.keyHash], marker[Rec.keySlot], Rec.key);
    const [from, at] = held < 0 ? [marker, 0] : [store.words, held];
    const size = sizeOf(from, at) / 4;
    if (told.used > 0 && told.used + size > wordsMax) {
      told.detail = ChangesFlag.more;
      break;
    }
    if (told.used + size > told.words.length) told.words = grown(told.words, told.used + size);
    copyWords(from, at, told.words, told.used, size);
    if (held < 0) told.words[told.used + Rec.size] |= (Flag.tombstone | Flag.forgotten) << 24;
    told.used += size;
    count++;
    watch.changed.delete(name);
    watch.bytes -= marker.byteLength;
  }
  told.detail |= count << CHANGES_FLAG_BITS;
  return told;
}
