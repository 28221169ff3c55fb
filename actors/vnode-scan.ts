/**
 * A page of a scan: the records of one partition in key order between the asked bounds, as many as fit a message.
 */
import type { Env } from '../src/actor/env.js';
import type { PageRequest } from '../src/actor/ports.js';
import { asStoreError, type ErrorCode, StoreError } from '../src/core/errors.js';
import type { PartitionId } from '../src/core/ids.js';
import { readBody } from '../src/protocol/body.js';
import type { MessageView } from '../src/protocol/header.js';
import { PAGE_BYTES_MAX } from '../src/protocol/limits.js';
import { Kind, Page, Scan } from '../src/protocol/messages.js';
import { failure, success } from '../src/protocol/outcome.js';
import { copyWords, sizeOf } from '../src/protocol/record.js';
import type { VnodeState } from './vnode.js';

export function scanPage({ partition, options: { doubts } }: VnodeState, message: MessageView, env: Env): void {
  let page: { words: Int32Array; used: number; count: number; more: boolean };
  try {
    if (doubts?.has(partition) === true) throw new StoreError('KV_UNAVAILABLE', 'the replica is in doubt');
    if (message.u32(Scan.epoch) < env.placement.changedAt[partition]) {
      throw new StoreError('KV_STALE_EPOCH', 'the partition has other holders by now');
    }
    page = collect(partition as PartitionId, message, env);
  } catch (error) {
    refuse(message, asStoreError(error).code, env);
    return;
  }
  const out = env.open(Kind.page, message.from, message.request, (Page.records + page.used) * 4);
  if (out === undefined) return;
  out.words[out.at + Page.outcome] = success(1, 0);
  out.words[out.at + Page.detail] = (page.count << 1) | (page.more ? 1 : 0);
  copyWords(page.words, 0, out.words, out.at + Page.records, page.used);
}

function refuse(message: MessageView, code: ErrorCode, env: Env): void {
  const out = env.open(Kind.page, message.from, message.request, Page.records * 4);
  if (out !== undefined) out.words[out.at + Page.outcome] = failure(code);
}

function collect(partition: PartitionId, message: MessageView, env: Env) {
  const request = readBody(message, Scan.body) as PageRequest;
  const wordsMax = Math.min(message.u32(Scan.bytesMax), PAGE_BYTES_MAX) / 4;
  let words = new Int32Array(2048);
  let used = 0;
  let count = 0;
  const more = env.store.page(partition, request, (from, at) => {
    const size = sizeOf(from, at) / 4;
    if (used > 0 && used + size > wordsMax) return false;
    if (used + size > words.length) words = grown(words, used + size);
    copyWords(from, at, words, used, size);
    used += size;
    count++;
    return true;
  });
  return { words, used, count, more };
}

/** These words with room for at least so many. */
export function grown(words: Int32Array, atLeast: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(words.length * 2, atLeast));
  larger.set(words);
  return larger;
}
