/**
 * `kvorum status`: who is up, how much each node holds in memory and on disk, and the counters that show trouble.
 */
import type { MemberReport, NodeStats } from '../../client/types.js';
import type { CommandSpec } from '../command.js';
import { withStore } from '../open-access.js';
import { table } from '../output.js';
import { formatBytes, formatCount, formatNumber } from '../quantities.js';
import type { StatusReport, StoreAccess } from '../store-access.js';

export const statusCommand: CommandSpec = {
  usage: 'status',
  summary: 'show the nodes, what they hold and what troubles them',
  description:
    'Shows each node: its state, entries and bytes in memory and on disk, log size, and counters of trouble.',
  examples: [
    ['kvorum status', 'of the store in ./kvorum-data'],
    ['kvorum status --connect 127.0.0.1:7379', 'of a running server'],
    ["kvorum status --json | jq '.count'", 'approximate number of keys'],
  ],
  run: (invocation) =>
    withStore(invocation, { create: false }, async (access) => {
      const status = await access.status();
      invocation.output.result(status, () => describe(status, access));
      return undefined;
    }),
};

function describe(status: StatusReport, access: StoreAccess): string {
  const { path, pid, members, stats, count, ring } = status;
  const up = members.filter(({ state }) => state === 'up').length;
  const head = [
    `data directory  ${path}`,
    `held by         ${access.via} (pid ${pid})`,
    `ring            epoch ${ring.epoch}, ${ring.partitions} partitions, N=${ring.n}`,
    `members         ${up} of ${members.length} up`,
    `keys            about ${formatCount(count)}`,
  ];
  const heading = [
    'node',
    'state',
    'zone',
    'incarnation',
    'hot entries',
    'hot bytes',
    'of',
    'dirty',
    'log',
    'disk',
    'disk entries',
  ];
  const rows = stats.nodes.map((node) => {
    const member = members.find((one) => one.node === node.node);
    return [node.node, stateText(node, member), member?.zone ?? '-', node.incarnation, ...sizes(node)];
  });
  head.push(`repairs         ${describeRepairs(stats.nodes)}`);
  const troubles = [...stats.nodes.flatMap(troublesOf), ...troublesElsewhere(members, stats.nodes)];
  const trouble = troubles.length > 0 ? `\n\n${troubles.join('\n')}` : '';
  return `${head.join('\n')}\n\n${hostsTable(status)}${table([heading, ...rows])}${trouble}`;
}

/** The hosts, where there are several, and what they make possible. */
function hostsTable({ hosts, ring, stats }: StatusReport): string {
  const bridge = stats.bridge === undefined ? '' : describeBridge(stats.bridge);
  if (hosts.length < 2) return bridge;
  const rows = hosts.map(({ host, own, state, refusal, address = '-', zone, machine, nodes }) => [
    own ? `${host} *` : host,
    refusal === undefined ? state : `${state} (${refusal})`,
    address,
    zone,
    machine,
    nodes.join(' '),
  ]);
  const holding = hosts.filter(({ nodes }) => nodes.length > 0).length;
  const advice =
    ring.failureDomain === 'node' && holding >= ring.n
      ? `two replicas of a key may be on one host: kvorum plan failure-domain host\n\n`
      : '';
  return `${table([['host', 'state', 'address', 'zone', 'machine', 'nodes'], ...rows])}\n\n${bridge}${advice}`;
}

/** Connections that end for these reasons are nobody's fault. */
const USUAL: readonly string[] = ['closed', 'duplicate', 'refused', 'self', 'silence'];

/** What the bridge has not passed on, and whom it has not let in; nothing where there is nothing of it. */
function describeBridge({
  messagesRefused,
  messagesLost,
  closed,
}: NonNullable<StatusReport['stats']['bridge']>): string {
  const refused = messagesRefused.reduce((sum, count) => sum + count, 0);
  const reasons = Object.entries(closed).filter(([reason, count]) => count > 0 && !USUAL.includes(reason));
  const parts = [
    ...(refused > 0 ? [`${formatCount(refused)} messages refused, their queue was full`] : []),
    ...(messagesLost > 0 ? [`${formatCount(messagesLost)} messages lost with connections`] : []),
    ...reasons.map(([reason, count]) => `${formatCount(count)} connections refused (${reason})`),
  ];
  return parts.length === 0 ? '' : `between hosts: ${parts.join('; ')}\n\n`;
}

/** What anti-entropy has done on all nodes, and when the last one ended a round. */
function describeRepairs(nodes: readonly NodeStats[]): string {
  const sum = (name: 'exchanges' | 'differing' | 'received' | 'verified') =>
    formatCount(nodes.reduce((total, { repairs }) => total + repairs[name], 0));
  const lastMs = Math.max(0, ...nodes.map(({ repairs }) => repairs.lastRoundMs));
  const last = lastMs === 0 ? 'no round has ended yet' : `last round ended ${new Date(lastMs).toISOString()}`;
  return `${sum('exchanges')} comparisons, ${sum('differing')} keys differed, ${last}; ${sum('verified')} partitions verified`;
}

function stateText({ up, readOnly }: NodeStats, member?: MemberReport): string {
  if (!up) return 'down';
  if (readOnly) return 'read-only';
  if (member === undefined) return 'no member';
  const { state, reporters } = member;
  return reporters.length === 0 ? state : `${state} (by ${reporters.join(', ')})`;
}

function sizes(node: NodeStats): (string | number)[] {
  return [
    formatCount(node.hotEntries),
    formatBytes(node.hotBytes),
    formatBytes(node.hotBytesMax),
    formatBytes(node.dirtyBytes),
    formatBytes(node.logBytes),
    formatBytes(node.baseBytes),
    formatCount(node.baseEntries),
  ];
}

/** Nodes of other hosts that are in doubt: they keep their counters to themselves, but tell that. */
export function troublesElsewhere(members: readonly MemberReport[], own: readonly NodeStats[]): string[] {
  return members
    .filter(({ node, counts }) => counts === false && !own.some((stats) => stats.node === node))
    .map(({ node, host }) => `node ${node} of host ${host} is in doubt: kvorum status there says for how much`);
}

/** What troubles a node, a sentence each. */
export function troublesOf(stats: NodeStats): string[] {
  const { node, readOnly, missedWakeUps, refusedSends, hints, hintBytes, notes, repairs } = stats;
  const troubles: string[] = [];
  if (hints > 0) {
    troubles.push(
      `node ${node} keeps ${formatCount(hints)} hints for others that missed writes (${formatBytes(hintBytes)})`,
    );
  }
  if (notes > 0) troubles.push(`node ${node} notes ${formatCount(notes)} partitions of others that need repair`);
  if (repairs.inDoubt > 0) {
    const partitions = formatNumber(repairs.inDoubt, 'partition');
    troubles.push(`node ${node} is in doubt for ${partitions}: it compares with the others before it counts again`);
  }
  if (repairs.setAside > 0) {
    const dropped =
      repairs.setAsideDropped === 0 ? '' : `; ${formatCount(repairs.setAsideDropped)} older ones given up`;
    troubles.push(
      `node ${node} keeps ${formatCount(repairs.setAside)} records (${formatBytes(repairs.setAsideBytes)}) aside that only a rolled-back or damaged disk held${dropped}`,
    );
  }
  if (repairs.treesDiffering > 0) {
    troubles.push(`node ${node} found ${formatCount(repairs.treesDiffering)} hash trees wrong, and built them anew`);
  }
  if (readOnly) troubles.push(`node ${node} is read-only: its disk or a size limit is full`);
  if (missedWakeUps > 0) troubles.push(`node ${node} missed ${missedWakeUps} wake-ups: please report this`);
  if (refusedSends > 0) troubles.push(`node ${node} refused ${formatCount(refusedSends)} messages: it was overloaded`);
  return troubles;
}
