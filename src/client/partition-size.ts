/** How much one node holds of one partition: counted by the node itself, a slice at a time, so that it serves in between. */
import { addressOf, Role } from '../actor/address.js';
import { StoreError } from '../core/errors.js';
import { bodyMessageBytes, encodeBody, putBody } from '../protocol/body.js';
import type { MessageView } from '../protocol/header.js';
import { Kind } from '../protocol/messages.js';
import { errorOf, isSuccess } from '../protocol/outcome.js';
import { keyBytesOf, RECORD_HEADER_BYTES } from '../protocol/record.js';
import { Pull, Pulled } from '../protocol/ring-messages.js';
import type { StoreCore } from './store-core.js';
import { PromiseWaiter } from './waiters.js';

export interface PartitionSize {
  readonly bytes: number;
  readonly records: number;
}

interface Slice extends PartitionSize {
  /** Last key of the slice; undefined where nothing follows. */
  readonly after: Uint8Array | undefined;
}

const SLICE_BYTES = 256 * 1024;
const SLICE_MS_MAX = 10_000;

/** @throws StoreError KV_STALE_EPOCH where the node is no holder, KV_NODE_RESTARTED, KV_CORRUPT, KV_CLOSED */
export async function measurePartition(
  core: StoreCore,
  where: { readonly node: number; readonly partition: number; readonly epoch: number },
): Promise<PartitionSize> {
  let bytes = 0;
  let records = 0;
  let after: Uint8Array | undefined;
  do {
    core.checkOpen();
    const slice = await askSlice(core, { ...where, after });
    bytes += slice.bytes;
    records += slice.records;
    after = slice.after;
  } while (after !== undefined);
  return { bytes, records };
}

function askSlice(
  { seat, requests }: StoreCore,
  { node, partition, epoch, after }: { node: number; partition: number; epoch: number; after: Uint8Array | undefined },
): Promise<Slice> {
  return new Promise((resolve, reject) => {
    const deadline = (seat.nowMs + SLICE_MS_MAX) >>> 0;
    const id = requests.begin(node, deadline, new PromiseWaiter(decodeSlice, resolve, reject));
    const body = encodeBody(after === undefined ? {} : { after });
    if (!seat.open(Kind.pull, addressOf(Role.rebalancer, node, 0), id, bodyMessageBytes(Pull.body, body))) {
      requests.end(id);
      throw new StoreError('KV_OVERLOADED', `the mailbox of node ${node} is full; try again`, { node });
    }
    requests.extend(id, (seat.nowMs + SLICE_MS_MAX) >>> 0);
    const { words, bytes, at } = seat.out;
    words[at + Pull.epoch] = epoch;
    words[at + Pull.partition] = partition;
    words[at + Pull.bytesMax] = SLICE_BYTES;
    words[at + Pull.countOnly] = 1;
    putBody(words, bytes, at + Pull.body, body);
  });
}

function decodeSlice(message: MessageView): Slice {
  const outcome = message.u32(Pulled.outcome);
  if (!isSuccess(outcome))
    throw new StoreError(errorOf(outcome), 'a node could not count what it holds of a partition');
  const size = { bytes: message.u32(Pulled.bytes), records: message.u32(Pulled.count) };
  if (message.u32(Pulled.more) === 0 || size.records === 0) return { ...size, after: undefined };
  const record = message.at + Pulled.records;
  const start = record * 4 + RECORD_HEADER_BYTES;
  const after = Uint8Array.prototype.slice.call(message.bytes, start, start + keyBytesOf(message.words, record));
  return { ...size, after };
}
