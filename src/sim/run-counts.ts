/** What happened in a run, to see that it was worth it. */
import type { WriteCall } from './calls.js';
import type { Plan } from './plan.js';
import type { World } from './world.js';

export interface RunCounts {
  readonly acked: number;
  readonly failed: number;
  readonly reads: number;
  readonly crashes: number;
  readonly losses: number;
  /** Dead records that were forgotten everywhere. */
  readonly collected: number;
  /** Acknowledged updates of tallies, and acknowledged writes by zone. */
  readonly updates: number;
  readonly zoned: number;
  /** Acknowledged writes that began before an earlier one of their client and key had ended. */
  readonly pipelined: number;
  /** Reads that hid something expired. */
  readonly expired: number;
  /** Nodes that had left and ended with hints. */
  readonly owing: number;
  /** 1 where disks were lost, and registers were checked all the same. */
  readonly ordered: number;
  /** The most of a read. */
  readonly siblings: number;
}

export interface RunCountsScope {
  readonly world: World;
  readonly plan: Plan;
  /** How often each kind of fault fired. */
  readonly faults: Readonly<Record<string, number>>;
  readonly keepsOrder: boolean;
}

export function countRun({ world, plan, faults, keepsOrder }: RunCountsScope): RunCounts {
  const calls = world.clients.flatMap(({ history }) => history);
  const reads = calls.filter((call) => call.kind === 'read');
  const acked = calls.filter((call) => call.kind === 'write' && call.error === undefined);
  const writes = acked.filter((call) => call.kind === 'write');
  const orders = writes.map(({ order }) => order);
  const losses = world.nodes.reduce((sum, { disk }) => sum + disk.losses, 0);
  const isHidden = ({ set, shown }: (typeof reads)[number]) =>
    set.siblings.some((sibling) => !sibling.tombstone && !shown.includes(sibling));
  return {
    acked: acked.length,
    failed: calls.filter(({ error }) => error !== undefined).length,
    reads: reads.length,
    crashes: ['node crash', 'node crash in a turn', 'host crash'].reduce((sum, name) => sum + (faults[name] ?? 0), 0),
    losses,
    collected: world.nodes.reduce((sum, { collected }) => sum + collected, 0),
    updates: orders.filter(({ key }) => plan.tallies.includes(key)).length,
    zoned: orders.filter(({ zones }) => zones !== undefined).length,
    pipelined: writes.filter((call) => writes.some((other) => isAheadOf(other, call))).length,
    expired: reads.filter(isHidden).length,
    owing: world.endedOwing,
    ordered: Number(losses > 0 && keepsOrder && plan.registers.size > 0),
    siblings: Math.max(0, ...reads.map(({ set }) => set.siblings.length)),
  };
}

/** Whether a write of the same client and key was under way when this one began. */
function isAheadOf(other: WriteCall, { client, order, position, startMs }: WriteCall): boolean {
  const isSame = other.client === client && other.order.key === order.key;
  return isSame && other.position < position && other.endMs > startMs;
}
