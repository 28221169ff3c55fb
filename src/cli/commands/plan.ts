/** `kvorum plan join|leave|replace|reweight|failure-domain ...`: what a change of the ring would move. Nothing is done. */
import type { PlannedTransfer, RingPlan } from '../../client/types.js';
import { addJoinFlags, addLeaveFlags, CHANGES, type ChangeName, changeOrder } from '../change-flags.js';
import type { CommandSpec } from '../command.js';
import { CliError } from '../exit-codes.js';
import { withStore } from '../open-access.js';
import { table } from '../output.js';
import { formatBytes, formatCount, formatNumber } from '../quantities.js';

export const planCommand: CommandSpec = {
  usage: 'plan <change> [arguments...]',
  summary: 'show what a change of the ring would move: join, leave, replace, reweight, failure-domain, abort or forget',
  description:
    'Shows the partitions that would change hands, what would be copied from where to where, and what each node would ' +
    'hold. Takes the arguments and flags of the command that it stands for; nothing is done.',
  flags: (command) => {
    addJoinFlags(command);
    addLeaveFlags(command);
  },
  examples: [
    ['kvorum plan join', 'if one more node joined'],
    ['kvorum plan leave 3', 'if node 3 left'],
    ['kvorum plan leave --host c', 'if all nodes of host c left'],
    ["kvorum plan reweight 0 2 --json | jq '.bytes'", 'bytes to copy if node 0 held twice its share'],
  ],
  run: (invocation) => {
    const [name, ...words] = invocation.args;
    if (!CHANGES.includes(name as ChangeName)) {
      throw new CliError('KV_USAGE', `'${name}' is no change of the ring; it is one of ${CHANGES.join(', ')}`);
    }
    const order = changeOrder(name as ChangeName, words, invocation.flags);
    return withStore(invocation, { create: false }, async (access) => {
      const plan = await access.plan(order);
      invocation.output.result(plan, () => describePlan(plan, words));
      return undefined;
    });
  },
};

function describePlan(plan: RingPlan, words: readonly string[]): string {
  const { kind, changesRing, partitions, replicas, records, bytes, transfers, nodes, gone } = plan;
  if (kind === 'forget') return describeForgetting(words[0], changesRing);
  const copied = `${formatNumber(records, 'record')}, ${formatBytes(bytes)}`;
  const head = `${kind}: ${formatCount(partitions)} partitions change hands, ${formatCount(replicas)} replicas are copied (${copied})`;
  const forced = gone.length > 0 ? `\nby force: gives up node ${gone.join(', ')}, and all that only they held` : '';
  const after = table([
    ['node', 'weight', 'replicas'],
    ...nodes.map(({ node, weight, replicas: held }) => [node, weight, held]),
  ]);
  const ways =
    transfers.length > 0
      ? `\n\n${table([['from', 'to', 'partitions', 'records', 'bytes'], ...waysOf(transfers)])}`
      : '';
  return `${head}${forced}${ways}\n\nafterwards:\n${after}`;
}

/** Nothing moves; whom the ring does not name is forgotten already, or mistyped. An older server does not say. */
function describeForgetting(host: string, changesRing: boolean | undefined): string {
  return changesRing === false
    ? `forget: the ring names no host '${host}': there is nothing to forget; kvorum status lists the hosts`
    : `forget: host ${host} is no part of the cluster any more, others may have its range of nodes; nothing is copied`;
}

/** One row for each pair of nodes that something is copied between. */
function waysOf(transfers: readonly PlannedTransfer[]): (string | number)[][] {
  const ways = new Map<string, { from: string; to: number; partitions: number; records: number; bytes: number }>();
  for (const { from, to, records, bytes } of transfers) {
    const name = `${from} ${to}`;
    const way = ways.get(name) ?? { from: String(from ?? '-'), to, partitions: 0, records: 0, bytes: 0 };
    way.partitions++;
    way.records += records;
    way.bytes += bytes;
    ways.set(name, way);
  }
  return [...ways.values()].map(({ from, to, partitions, records, bytes }) => [
    from,
    to,
    formatCount(partitions),
    formatCount(records),
    formatBytes(bytes),
  ]);
}
