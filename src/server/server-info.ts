/**
 * The text of INFO: sections of `name:value` lines, in Redis' names where client libraries and dashboards look for them.
 */
import { isMainThread, threadId } from 'node:worker_threads';
import type { StoreStats } from '../client/types.js';
import type { ServerContext } from './session.js';
import { REDIS_VERSION, SERVER_VERSION } from './version.js';

type Facts = Readonly<Record<string, string | number>>;
type Section = (server: ServerContext, stats: StoreStats, keys: number) => Facts;

const EVERYTHING: readonly string[] = ['all', 'default', 'everything'];

/** The sections that are named, or all. Costs a round to every node. */
export async function infoText(server: ServerContext, names: readonly string[]): Promise<string> {
  const wanted = names.length === 0 || names.some((name) => EVERYTHING.includes(name)) ? Object.keys(SECTIONS) : names;
  const [stats, keys] = await Promise.all([server.store.stats(), server.store.count()]);
  let text = '';
  for (const [name, section] of Object.entries(SECTIONS)) {
    if (!wanted.includes(name)) continue;
    if (text !== '') text += '\r\n';
    text += `# ${name[0].toUpperCase()}${name.slice(1)}\r\n`;
    for (const [field, value] of Object.entries(section(server, stats, keys))) text += `${field}:${value}\r\n`;
  }
  return text;
}

const SECTIONS: Readonly<Record<string, Section>> = {
  server: (server) => {
    const uptimeSeconds = Math.floor((Date.now() - server.startedAtMs) / 1_000);
    return {
      redis_version: REDIS_VERSION,
      redis_mode: 'standalone',
      kvorum_version: SERVER_VERSION,
      node_version: process.version,
      os: `${process.platform} ${process.arch}`,
      process_id: process.pid,
      thread_id: isMainThread ? 0 : threadId,
      run_id: server.runId,
      tcp_port: server.port(),
      uptime_in_seconds: uptimeSeconds,
      uptime_in_days: Math.floor(uptimeSeconds / 86_400),
    };
  },
  clients: (server) => ({
    connected_clients: [...server.sessions()].length,
    maxclients: server.connectionsMax,
    blocked_clients: 0,
  }),
  memory: (_server, stats) => {
    const memory = process.memoryUsage();
    return {
      used_memory: sum(stats, (node) => node.hotBytes),
      used_memory_rss: memory.rss,
      used_memory_heap: memory.heapUsed,
      maxmemory: 0,
      hot_bytes_max: sum(stats, (node) => node.hotBytesMax),
      dirty_bytes: sum(stats, (node) => node.dirtyBytes),
    };
  },
  persistence: (_server, stats) => ({
    loading: 0,
    aof_enabled: 1,
    log_bytes: sum(stats, (node) => node.logBytes),
    base_bytes: sum(stats, (node) => node.baseBytes),
    log_syncs: sum(stats, (node) => node.logSyncs),
    flushes: sum(stats, (node) => node.flushes),
    nodes_read_only: stats.nodes.filter((node) => node.readOnly).length,
  }),
  stats: ({ counters }, stats) => ({
    total_connections_received: counters.connectionsReceived,
    rejected_connections: counters.connectionsRefused,
    total_commands_processed: counters.commands,
    total_error_replies: counters.errorReplies,
    protocol_errors: counters.protocolErrors,
    internal_errors: counters.internalErrors,
    total_net_input_bytes: counters.bytesIn,
    total_net_output_bytes: counters.bytesOut,
    requests_in_flight: stats.client.inFlight,
    shared_reads: stats.client.sharedReads,
    message_reads: stats.client.messageReads,
    lost_races: stats.client.lostRaces,
  }),
  replication: (_server, stats) => ({
    role: 'master',
    connected_slaves: 0,
    nodes: stats.nodes.length,
    nodes_up: stats.nodes.filter((node) => node.up).length,
    hints: sum(stats, (node) => node.hints),
    hint_bytes: sum(stats, (node) => node.hintBytes),
    repair_notes: sum(stats, (node) => node.notes),
    hints_handed_over: sum(stats, (node) => node.hintsHandedOver),
  }),
  cluster: () => ({ cluster_enabled: 0 }),
  keyspace: (_server, _stats, keys): Facts => (keys > 0 ? { db0: `keys=${keys},expires=0,avg_ttl=0` } : {}),
};

function sum(stats: StoreStats, of: (node: StoreStats['nodes'][number]) => number): number {
  return stats.nodes.reduce((total, node) => total + of(node), 0);
}
