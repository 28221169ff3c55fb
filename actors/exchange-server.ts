/**
 * What a node tells a peer that compares a partition with it: digests at once, keys in slices. It keeps nothing between two
 * questions; the peer's cursor is a key.
 */
import type { Address } from '../src/actor/address.js';
import type { Env } from '../src/actor/env.js';
import { type Entry, NodeSet } from '../src/core/exchange.js';
import type { PartitionId } from '../src/core/ids.js';
import { bodyMessageBytes, encodeBody, putBody, readBody } from '../src/protocol/body.js';
import { entryBytes, packEntries, packWords, unpackNodes } from '../src/protocol/exchange-body.js';
import { Compare, Compared, Counting, Listed } from '../src/protocol/exchange-messages.js';
import type { MessageView } from '../src/protocol/header.js';
import { Kind } from '../src/protocol/messages.js';
import { failure, success } from '../src/protocol/outcome.js';
import { keyAt, keyHigh, RecordDigester } from '../src/protocol/record-digest.js';
import type { PartitionTrees } from './partition-trees.js';

/** Entries of one answer, in bytes, and records looked at for it: whichever is first ends it. */
const ANSWER_BYTES = 24 * 1024;
const ANSWER_SCANNED = 32_768;

/** A list under way. */
export interface Listing {
  readonly from: Address;
  readonly request: number;
  readonly partition: PartitionId;
  readonly nodes: NodeSet;
  readonly entries: Entry[];
  after: Uint8Array | undefined;
  bytes: number;
  scanned: number;
  /** It leaves out keys whose records cannot be read. */
  isPartial: boolean;
}

interface ListBody {
  readonly nodes: Uint8Array;
  readonly after?: Uint8Array;
}

/** Answers with the digests of the nodes asked for; false where there is no tree yet. */
export function answerCompare(trees: PartitionTrees, counts: boolean, message: MessageView, env: Env): boolean {
  const partition = message.u32(Compare.partition);
  const tree = trees.of(partition);
  const bits = message.u32(Compare.bits);
  const nodes = unpackNodes((readBody(message, Compare.body) as { nodes: Uint8Array }).nodes);
  const digests = tree === undefined || bits > tree.bits ? new Int32Array(0) : tree.digests({ bits, nodes });
  const body = encodeBody({ digests: packWords(digests) });
  const out = env.open(Kind.compared, message.from, message.request, bodyMessageBytes(Compared.body, body));
  if (out === undefined) return tree !== undefined;
  out.words[out.at + Compared.outcome] = tree === undefined ? failure('KV_OVERLOADED') : success(1, 0);
  out.words[out.at + Compared.depth] = tree?.bits ?? 0;
  out.words[out.at + Compared.counts] = counting(counts, trees.isPartial(partition));
  out.words[out.at + Compared.rootHigh] = tree?.rootHigh ?? 0;
  out.words[out.at + Compared.rootLow] = tree?.rootLow ?? 0;
  putBody(out.words, out.bytes, out.at + Compared.body, body);
  return tree !== undefined;
}

function counting(counts: boolean, isPartial: boolean): Counting {
  if (!counts) return Counting.inDoubt;
  return isPartial ? Counting.partly : Counting.counts;
}

/** What a peer asks to have listed. */
export function startListing(message: MessageView): Listing {
  const { nodes, after } = readBody(message, Compare.body) as ListBody;
  return {
    from: message.from as Address,
    request: message.request,
    partition: message.u32(Compare.partition) as PartitionId,
    nodes: new NodeSet({ bits: message.u32(Compare.bits), nodes: unpackNodes(nodes) }),
    entries: [],
    after,
    bytes: 0,
    scanned: 0,
    isPartial: false,
  };
}

/** Whether a question asks for this list, once more. */
export const isOf = ({ from, request }: Listing, message: MessageView): boolean =>
  from === message.from && request === message.request;

const digester = new RecordDigester();

/** Goes on with a list by so many records; true once it is answered. `counts`: whether this node counts for the partition. */
export function advanceListing(
  listing: Listing,
  { records, counts }: { readonly records: number; readonly counts: boolean },
  env: Env,
  onUnread: (key: Uint8Array) => void,
): boolean {
  const { partition, nodes, entries, after } = listing;
  let last: Uint8Array | undefined;
  const onCorrupt = (key: Uint8Array) => {
    listing.isPartial = true;
    onUnread(key);
  };
  const request = { ...(after !== undefined && { gt: after }), limit: records, onCorrupt };
  const more = env.store.page(partition, request, (words, at) => {
    last = keyAt(words, at);
    listing.scanned++;
    if (nodes.has(keyHigh(words, at))) {
      const entry = digester.entry(words, at);
      entries.push(entry);
      listing.bytes += entryBytes(entry);
    }
    return listing.bytes < ANSWER_BYTES;
  });
  listing.after = last ?? after;
  if (more && listing.bytes < ANSWER_BYTES && listing.scanned < ANSWER_SCANNED) return false;
  answerListing(listing, { more, counts }, env);
  return true;
}

function answerListing(
  { from, request, entries, after, isPartial }: Listing,
  { more, counts }: { readonly more: boolean; readonly counts: boolean },
  env: Env,
): void {
  const body = encodeBody({
    entries: packEntries(entries),
    ...(more && { end: after }),
    ...(isPartial && { partial: true }),
    ...(!counts && { doubts: true }),
  });
  const out = env.open(Kind.listed, from, request, bodyMessageBytes(Listed.body, body));
  if (out === undefined) return;
  out.words[out.at + Listed.outcome] = success(1, 0);
  out.words[out.at + Listed.more] = Number(more);
  putBody(out.words, out.bytes, out.at + Listed.body, body);
}
