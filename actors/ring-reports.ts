/** What ring keepers tell each other of their nodes while a change is under way: the epochs adopted, the partitions filled. */
import type { Env } from '../src/actor/env.js';
import type { NodeIndex } from '../src/core/ids.js';
import type { NodeReport } from '../src/core/ring-change.js';
import { allMembers, type RingState } from '../src/core/ring-state.js';
import { filledPartitions } from './transfer-records.js';

export interface ReportBody {
  readonly epoch: number;
  readonly reports: readonly NodeReport[];
  /** Nodes that have left and have nothing to deliver any more. */
  readonly done?: readonly NodeIndex[];
}

/** What the nodes of this host have adopted and filled: those that are down will begin with what the host has adopted. */
export function ownReports(ring: RingState, env: Env): NodeReport[] {
  const { epoch } = env.placement;
  const move = ring.move?.id ?? 0;
  const members = allMembers(ring);
  const own = members.find(({ node }) => node === env.node);
  const down = members.filter(({ node, host }) => host === own?.host && node !== env.node && !env.placement.isUp(node));
  const filled = filledPartitions(env.store, move);
  return [{ node: env.node, epoch, move, filled }, ...down.map(({ node }) => ({ node, epoch, move: 0, filled: [] }))];
}

/** Notes a node's report beside what it has reported before. */
export function keepReport(reports: Map<NodeIndex, NodeReport>, report: NodeReport): void {
  const before = reports.get(report.node);
  const epoch = Math.max(before?.epoch ?? 0, report.epoch);
  // a host that speaks for a node which is down does not know what that one has filled
  const { move, filled } = report.move === 0 && before !== undefined ? before : report;
  reports.set(report.node, { node: report.node, epoch, move, filled });
}
