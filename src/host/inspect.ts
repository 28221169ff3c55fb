/** Reads what a host's threads have counted out of shared memory, as reports for people and for `--json`. */
import type { HostAddress } from '../bridge/types.js';
import { expectedShares } from '../core/fair-share.js';
import type { NodeState } from '../core/membership.js';
import { allMembers, mapOf, movingPartitions, Phase, type RingState } from '../core/ring-state.js';
import { Count } from '../runtime/counters.js';
import { mailboxCounts } from '../runtime/mailbox.js';
import type { HostReport, MailboxStats, MemberReport, NodeStats, RingReport } from './reports.js';
import { countsFully, livenessView, localNodes, mailboxBetween, Status, type ThreadMap } from './thread-map.js';

/** Who owns what, how near to its fair share each node is, and what is on the move. */
export function inspectRing(ring: RingState): RingReport {
  const fair = expectedShares(mapOf(ring));
  const replicas = new Map<number, number>();
  for (const list of ring.lists) for (const node of list) replicas.set(node, (replicas.get(node) ?? 0) + 1);
  const report = {
    epoch: ring.epoch,
    partitions: ring.partitions,
    n: ring.n,
    failureDomain: ring.failureDomain,
    preferenceLists: ring.lists,
    nodes: allMembers(ring).map(({ node }) => ({
      node,
      replicas: replicas.get(node) ?? 0,
      fairShare: fair.get(node) ?? 0,
    })),
  };
  const { move } = ring;
  if (move === undefined) return report;
  const moving = movingPartitions(ring).map((partition) => ({
    partition,
    phase: move.phases[partition] === Phase.filling ? ('filling' as const) : ('handing over' as const),
    next: move.next[partition],
  }));
  return { ...report, change: { id: move.id, kind: move.kind, forced: move.gone.length > 0, moving } };
}

/** Members with their state: what the host knows of its own threads at once, and what members say. Nobody tells others. */
export function inspectMembers(map: ThreadMap, ring: RingState): MemberReport[] {
  const status = new Int32Array(map.status);
  // Atomics: acquire; a thread's end is known before any gossip, and what it believed counts no more
  const isUp = (node: number) => Atomics.load(status, node * Status.line + Status.up) === 1;
  const members = allMembers(ring);
  const local = new Set(localNodes(map));
  const views = members.filter(({ node }) => local.has(node) && isUp(node)).map(({ node }) => livenessView(map, node));
  return members.map(({ node, host, zone, weight }) => {
    const reporters = [...new Set(views.flatMap((view) => view.reportersOf(node)))].sort((a, b) => a - b);
    const state = !isUp(node) ? 'down' : views.some((view) => isDoubtful(view.stateOf(node))) ? 'suspect' : 'up';
    const counts = state === 'down' ? undefined : countsFully(status, node);
    const incarnation = status[node * Status.line + Status.incarnation];
    return { node, host, zone, weight, state, reporters, incarnation, ...(counts !== undefined && { counts }) };
  });
}

/** The hosts of the members, and those that are known besides. `known`: where they can be reached, this one included. */
export function inspectHosts(map: ThreadMap, ring: RingState, known: readonly HostAddress[]): HostReport[] {
  const status = new Int32Array(map.status);
  const hosts = new Map<string, HostReport & { readonly nodes: number[] }>();
  const add = ({ host, zone, machine }: Pick<HostAddress, 'host' | 'zone' | 'machine'>, at?: HostAddress) => {
    const own = host === map.hostId;
    // Atomics: acquire; the first word of the range speaks for the host
    const isUp = own || (at !== undefined && Atomics.load(status, at.first * Status.line + Status.connected) === 1);
    const address = at === undefined ? {} : { address: at.address };
    hosts.set(host, { host, ...address, zone, machine, own, state: isUp ? 'up' : 'down', nodes: [] });
  };
  for (const at of known) add(at, at);
  for (const member of allMembers(ring)) {
    if (!hosts.has(member.host)) add(member);
    hosts.get(member.host)?.nodes.push(member.node);
  }
  return [...hosts.values()].sort((a, b) => (a.host < b.host ? -1 : 1));
}

const isDoubtful = (state: NodeState | undefined) => state === 'suspect' || state === 'down';

interface SeatBoxes {
  readonly seat: number;
  readonly outboxes: readonly SharedArrayBuffer[];
  readonly inboxes: readonly SharedArrayBuffer[];
}

export function inspectNode(map: ThreadMap, node: number, seats: Iterable<SeatBoxes>): NodeStats {
  const counters = new Int32Array(map.counters[node]);
  const status = new Int32Array(map.status);
  const count = (word: Count) => counters[word] >>> 0;
  const kib = (word: Count) => (counters[word] >>> 0) * 1024;
  return {
    node,
    // Atomics: acquire
    up: Atomics.load(status, node * Status.line + Status.up) === 1,
    incarnation: status[node * Status.line + Status.incarnation],
    hotEntries: count(Count.hotEntries),
    hotBytes: kib(Count.hotKiB),
    hotBytesMax: map.memories[node].arena.byteLength,
    dirtyBytes: kib(Count.dirtyKiB),
    logBytes: kib(Count.logKiB),
    baseEntries: count(Count.baseEntries),
    baseBytes: kib(Count.baseKiB),
    keysAbout: count(Count.keysAbout),
    messages: count(Count.messages),
    turns: count(Count.turns),
    wakeUps: count(Count.wakeUps),
    missedWakeUps: count(Count.missedWakeUps),
    refusedSends: count(Count.refusedSends),
    actorRestarts: count(Count.actorRestarts),
    flushes: count(Count.flushes),
    evictions: count(Count.evictions),
    logWrites: count(Count.logWrites),
    logSyncs: count(Count.logSyncs),
    readOnly: counters[Count.refusal] !== 0,
    hints: count(Count.hints),
    hintBytes: kib(Count.hintKiB),
    notes: count(Count.notes),
    hintsHandedOver: count(Count.hintsHandedOver),
    repairs: {
      exchanges: count(Count.exchanges),
      differing: count(Count.keysDiffering),
      sent: count(Count.recordsSent),
      received: count(Count.recordsReceived),
      waiting: count(Count.exchangesWaiting),
      lastRoundMs: count(Count.lastRoundSeconds) * 1_000,
      inDoubt: count(Count.inDoubt),
      healed: count(Count.healed),
      setAside: count(Count.setAside),
      setAsideBytes: kib(Count.setAsideKiB),
      setAsideDropped: count(Count.setAsideDropped),
      verified: count(Count.verified),
      treesDiffering: count(Count.treesDiffering),
      collected: count(Count.collected),
    },
    actorMessages: [...counters.subarray(Count.actors)],
    mailboxes: [...nodeMailboxes(map, node), ...seatMailboxes(map, node, seats)],
  };
}

/** Mailboxes into this node from the other nodes. */
function nodeMailboxes(map: ThreadMap, node: number): MailboxStats[] {
  const boxes: MailboxStats[] = [];
  for (const from of localNodes(map)) {
    if (from === node) continue;
    const counts = mailboxCounts(mailboxBetween(map, from - map.first, node - map.first));
    boxes.push({ from: `node-${from}`, to: `node-${node}`, ...counts });
  }
  return boxes;
}

function seatMailboxes(map: ThreadMap, node: number, seats: Iterable<SeatBoxes>): MailboxStats[] {
  const boxes: MailboxStats[] = [];
  for (const { seat, outboxes, inboxes } of seats) {
    const thread = node - map.first;
    boxes.push({ from: `seat-${seat}`, to: `node-${node}`, ...mailboxCounts(outboxes[thread]) });
    boxes.push({ from: `node-${node}`, to: `seat-${seat}`, ...mailboxCounts(inboxes[thread]) });
  }
  return boxes;
}
