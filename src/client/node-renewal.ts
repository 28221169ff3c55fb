/**
 * A node of this host whose disk is dead or damaged begins anew under its own number: nothing moves, and no ring is decided.
 * Its directory is cleared, it starts in doubt (actor/partition-doubts.ts), takes from the other holders what it should hold,
 * and counts again for a partition when it has compared with enough of them. Other hosts tell of their nodes whether these
 * are in doubt (bridge/types.ts).
 */
import { StoreError } from '../core/errors.js';
import { allMembers } from '../core/ring-state.js';
import type { NodeStats } from '../host/reports.js';
import type { RingAdmin } from './ring-changes.js';
import type { ChangeOptions, ChangeProgress, ChangeResult } from './ring-types.js';

/** @throws StoreError KV_INVALID_OPTION, KV_RING_CHANGING, KV_UNAVAILABLE, or what its start threw */
export async function renewNode(
  admin: RingAdmin,
  nodes: readonly number[],
  { force = false, wait = true, onProgress = () => undefined }: ChangeOptions,
  checkOpen: () => void,
): Promise<ChangeResult> {
  const [node] = nodes;
  if (nodes.length !== 1) throw invalid('one node at a time begins anew, when the one before it counts again');
  check(admin, node, force);
  await admin.renew(node);
  const { epoch, lists } = admin.ring();
  const partitions = lists.filter((list) => list.some((holder) => holder === node)).length;
  const progress = (): ChangeProgress => {
    const { repairs } = statsOf(admin, node) as NodeStats;
    const settled = Math.max(0, partitions - repairs.inDoubt);
    return { epoch, partitions, settled, records: repairs.received, bytes: 0 };
  };
  onProgress(progress());
  while (wait && !isWhole(admin, node)) {
    await admin.nextChange();
    checkOpen();
    onProgress(progress());
  }
  return { id: epoch, joined: [node], done: isWhole(admin, node), ...progress() };
}

/** What the node holds is cleared: it must be worth little, and the others must have it. */
function check(admin: RingAdmin, node: number, force: boolean): void {
  const ring = admin.ring();
  if (ring.move !== undefined) {
    throw new StoreError('KV_RING_CHANGING', 'the ring is changing: a node may begin anew when that is over');
  }
  const stats = statsOf(admin, node);
  if (stats === undefined || !ring.members.some((member) => member.node === node)) {
    throw invalid(`node ${node} is no member on this host`);
  }
  if (force) return;
  if (stats.up && !stats.readOnly)
    throw invalid(`node ${node} is up and takes writes; by force it begins anew all the same`);
  if (ring.n === 1) throw invalid(`N is 1: what node ${node} holds is nowhere else; by force that is given up`);
  for (const { node: other, host } of allMembers(ring)) {
    const lack = other === node ? undefined : lackOf(admin, other, host);
    if (lack === undefined) continue;
    const message = `${lack}: what only it and node ${node} hold would be lost; by force that is given up`;
    throw new StoreError('KV_UNAVAILABLE', message, { node: other });
  }
}

/** Why another node cannot stand for one that is cleared; undefined where it can. */
function lackOf(admin: RingAdmin, node: number, host: string): string | undefined {
  if (!admin.isUp(node)) return `node ${node} is down`;
  const counts = admin.counts(node);
  if (counts === undefined) {
    return `whether node ${node} is in doubt is not known: host ${host} is silent, or of a version that does not tell`;
  }
  return counts
    ? undefined
    : `node ${node} is in doubt, it may lack acknowledged writes until it has compared with the others`;
}

const statsOf = (admin: RingAdmin, node: number): NodeStats | undefined =>
  admin.stats().find((stats) => stats.node === node);

/** Whether it counts for all that it holds. */
function isWhole(admin: RingAdmin, node: number): boolean {
  const stats = statsOf(admin, node);
  return stats?.up === true && stats.repairs.inDoubt === 0;
}

function invalid(message: string): StoreError {
  return new StoreError('KV_INVALID_OPTION', message, { option: 'nodes' });
}
