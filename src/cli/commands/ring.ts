/**
 * `kvorum ring`: who owns what, how even it is, and what would move if a node joined. The forecast runs the same pure
 * claim as the store, on the reported map with one member more.
 */
import type { RingChangeReport, RingReport } from '../../client/types.js';
import type { CommandSpec } from '../command.js';
import { withStore } from '../open-access.js';
import { table } from '../output.js';
import { formatCount } from '../quantities.js';
import { forecastJoin, type JoinForecast } from '../ring-forecast.js';

export const ringCommand: CommandSpec = {
  usage: 'ring',
  summary: 'show who owns what, the balance, and what a join would move',
  description:
    'Shows the replicas of each node against its fair share, and the partitions that would move if one node of ' +
    'weight 1 joined. With --lists also the preference list of each partition: its owner first.',
  flags: (command) => {
    command.option('--lists', 'list the preference list of every partition');
  },
  examples: [
    ['kvorum ring', 'balance of the store in ./kvorum-data'],
    ['kvorum ring --lists', 'and who holds each partition'],
    ["kvorum ring --json | jq '.preferenceLists[0]'", 'the nodes of partition 0'],
  ],
  run: (invocation) =>
    withStore(invocation, { create: false }, async (access) => {
      const ring = await access.ring();
      const { members } = await access.status();
      const join = forecastJoin(ring, members);
      invocation.output.result({ ...ring, join }, () => {
        const summary = `${describeBalance(ring)}\n\n${describeJoin(join)}`;
        return invocation.flags.lists ? `${summary}\n\n${describePartitions(ring)}` : summary;
      });
      return undefined;
    }),
};

function describeBalance({ epoch, partitions, n, failureDomain, nodes, preferenceLists, change }: RingReport): string {
  const owned = new Map<number, number>();
  for (const [owner] of preferenceLists) owned.set(owner, (owned.get(owner) ?? 0) + 1);
  const rows = nodes.map(({ node, replicas, fairShare }) => [
    node,
    owned.get(node) ?? 0,
    replicas,
    fairShare.toFixed(1),
    fairShare > 0 ? `${(100 * (replicas / fairShare - 1)).toFixed(1)}%` : '-',
  ]);
  const heading = ['node', 'owns', 'replicas', 'fair share', 'off by'];
  const moving = change === undefined ? '' : `\n${describeChange(change)}`;
  return `epoch ${epoch}, ${partitions} partitions, N=${n}, replicas on distinct ${failureDomain}s${moving}\n\n${table([heading, ...rows])}`;
}

function describeChange({ id, kind, forced, moving }: RingChangeReport): string {
  const filling = moving.filter(({ phase }) => phase === 'filling').length;
  const how = forced ? ' by force' : '';
  return `${kind}${how} under way since epoch ${id}: ${filling} partitions being filled, ${moving.length - filling} handing over`;
}

function describeJoin({ moved, total, optimum }: JoinForecast): string {
  const share = ((100 * moved) / total).toFixed(1);
  return `if a node joined: ${formatCount(moved)} of ${formatCount(total)} replicas would move (${share} %, least possible ${optimum.toFixed(1)})`;
}

function describePartitions({ preferenceLists }: RingReport): string {
  const rows = preferenceLists.map((list, partition) => [partition, list.join(' ')]);
  return table([['partition', 'nodes, owner first'], ...rows]);
}
