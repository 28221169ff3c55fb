/**
 * The giving side of a transfer: a page of a partition's records behind a key, or just how much they are. Only a holder
 * gives, and only once it refuses what is older than the asker's ring: what it has not seen by then, it never takes.
 */
import type { Env } from '../src/actor/env.js';
import type { PartitionDoubts } from '../src/actor/partition-doubts.js';
import { asStoreError, type ErrorCode } from '../src/core/errors.js';
import type { PartitionId } from '../src/core/ids.js';
import { readBody } from '../src/protocol/body.js';
import type { MessageView } from '../src/protocol/header.js';
import { PAGE_BYTES_MAX } from '../src/protocol/limits.js';
import { Kind } from '../src/protocol/messages.js';
import { failure, success } from '../src/protocol/outcome.js';
import { copyWords, sizeOf } from '../src/protocol/record.js';
import { Pull, Pulled } from '../src/protocol/ring-messages.js';
import { grown } from './vnode-scan.js';

/** Body of a `pull`. */
export interface PullBody {
  /** Last key that the asker has. */
  readonly after?: Uint8Array;
}

interface Page {
  words: Int32Array;
  used: number;
  bytes: number;
  count: number;
  /** Records that cannot be read: the page goes on without them. */
  unreadable: number;
  more: boolean;
}

export function givePage(message: MessageView, env: Env, doubts?: PartitionDoubts): void {
  const partition = message.u32(Pull.partition);
  let page: Page;
  try {
    // in doubt it may lack what the asker is to get from it
    const refusal =
      doubts?.has(partition) === true ? 'KV_UNAVAILABLE' : refusalOf(partition, message.u32(Pull.epoch), env);
    if (refusal !== undefined) {
      answerFailure(message, refusal, env);
      return;
    }
    page = collect(partition, message, env);
  } catch (error) {
    answerFailure(message, asStoreError(error).code, env);
    return;
  }
  const out = env.open(Kind.pulled, message.from, message.request, (Pulled.records + page.used) * 4);
  if (out === undefined) return;
  out.words[out.at + Pulled.outcome] = success(1, 0);
  out.words[out.at + Pulled.more] = Number(page.more);
  out.words[out.at + Pulled.bytes] = page.bytes;
  out.words[out.at + Pulled.count] = page.count;
  out.words[out.at + Pulled.unreadable] = page.unreadable;
  out.words[out.at + Pulled.unreadable + 1] = 0;
  copyWords(page.words, 0, out.words, out.at + Pulled.records, page.used);
}

function refusalOf(partition: number, epoch: number, { placement, node }: Env): ErrorCode | undefined {
  if (placement.epoch < epoch || partition >= placement.partitions) return 'KV_STALE_EPOCH';
  const { n, preference } = placement;
  const isHolder = preference.subarray(partition * n, (partition + 1) * n).includes(node);
  return isHolder ? undefined : 'KV_STALE_EPOCH';
}

function answerFailure(message: MessageView, code: ErrorCode, env: Env): void {
  const out = env.open(Kind.pulled, message.from, message.request, Pulled.records * 4);
  if (out === undefined) return;
  out.words.fill(0, out.at + Pulled.outcome, out.at + Pulled.records);
  out.words[out.at + Pulled.outcome] = failure(code);
}

/** As many records as fit; of a count only the last one, for its key. */
function collect(partition: number, message: MessageView, env: Env): Page {
  const { after } = readBody(message, Pull.body) as PullBody;
  const countOnly = message.u32(Pull.countOnly) !== 0;
  const bytesMax = Math.min(message.u32(Pull.bytesMax), countOnly ? Number.POSITIVE_INFINITY : PAGE_BYTES_MAX);
  const page: Page = { words: new Int32Array(2048), used: 0, bytes: 0, count: 0, unreadable: 0, more: false };
  const onCorrupt = () => page.unreadable++;
  const request = { onCorrupt, ...(after !== undefined && { gt: after }) };
  page.more = env.store.page(partition as PartitionId, request, (from, at) => {
    const bytes = sizeOf(from, at);
    if (page.count > 0 && page.bytes + bytes > bytesMax) return false;
    if (countOnly) page.used = 0;
    const used = page.used + bytes / 4;
    if (used > page.words.length) page.words = grown(page.words, used);
    copyWords(from, at, page.words, page.used, bytes / 4);
    page.used = used;
    page.bytes += bytes;
    page.count++;
    return true;
  });
  return page;
}
