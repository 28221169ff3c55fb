/**
 * Compares what the replicas hold, record by record: the i-th holders of all partitions are scanned alone, for each i, in
 * key order and side by side. A scan by R=1 of a list of one asks just that node's vnode, memory and disk; nothing is
 * joined and nothing repaired on the way. Tombstones count as records.
 */
import { hostOf, takeSeat } from '../../../src/client/open.js';
import { Requests } from '../../../src/client/requests.js';
import { type Entry, type ScanParts, scanEntries } from '../../../src/client/scan.js';
import type { Seat } from '../../../src/client/seat.js';
import type { Dot } from '../../../src/core/version-vector.js';
import type { Store } from '../../../src/index.js';

export interface ReplicaComparison {
  readonly records: number;
  /** Keys whose replicas differ, and how. */
  readonly differing: readonly string[];
}

const SCAN_MS_MAX = 30_000;
const SHOWN_MAX = 20;
const REQUESTS_MAX = 1_024;

/** Takes a seat of the store until that is closed. */
export async function compareReplicas(store: Store): Promise<ReplicaComparison> {
  const seat: Seat = takeSeat(hostOf(store), (view) => requests.settle(view));
  const requests: Requests = new Requests(seat, REQUESTS_MAX);
  const { preferenceLists, n, partitions } = store.ring();
  const order = { r: 1, monotonic: false, available: false, deadlineMs: SCAN_MS_MAX, signal: undefined };
  const scans = Array.from({ length: n }, (_, i) => {
    const ring: ScanParts['ring'] = {
      version: 0,
      epoch: 0xffff_ffff,
      readList: (p) => ({ nodes: [preferenceLists[p][i]], version: 0 }),
    };
    return scanEntries({ seat, requests, ring, partitions }, { reverse: false }, order);
  });
  return compareScans(scans);
}

/** Each scan is one replica's records in the order of their keys. */
export async function compareScans(scans: readonly AsyncIterator<Entry>[]): Promise<ReplicaComparison> {
  const differing: string[] = [];
  let records = 0;
  const advance = async (scan: AsyncIterator<Entry>) => (await scan.next()).value as Entry | undefined;
  const heads = await Promise.all(scans.map(advance));
  for (;;) {
    const keys = heads.flatMap((head) => (head === undefined ? [] : [head.key]));
    if (keys.length === 0) return { records, differing };
    const least = keys.reduce((one, other) => (one.compare(other) <= 0 ? one : other));
    const texts = heads.map((head) => (head?.key.equals(least) ? textOf(head) : 'nothing'));
    records++;
    if (new Set(texts).size > 1 && differing.length < SHOWN_MAX) differing.push(`${least}: ${texts.join(' | ')}`);
    for (const [i, head] of heads.entries()) if (head?.key.equals(least)) heads[i] = await advance(scans[i]);
  }
}

/** Everything that the record says, in one line; equal for equal records. */
function textOf({ set: { vector, siblings } }: Entry): string {
  const dots = [...vector].map(dotText).sort().join(',');
  const values = siblings.map(
    ({ dot, clock, expiresAtMs, tombstone, tag, value }) =>
      `${dotText(dot)}@${clock}/${expiresAtMs}/${tag}/${tombstone ? 'deleted' : Buffer.from(value).toString().slice(0, 12)}+${value.length}`,
  );
  return `{${dots}} ${values.join(' ')}`;
}

function dotText({ replica, counter }: Dot): string {
  return `${replica.toString(36)}:${counter}`;
}
