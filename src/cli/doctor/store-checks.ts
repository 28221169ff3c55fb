/** Checks of the store as it runs: its nodes, what they owe each other, its clocks and its failure domains. */
import type { HostReport, MemberReport, NodeStats } from '../../client/types.js';
import type { FailureDomain } from '../../core/options.js';
import { formatBytes, formatCount, formatNumber } from '../quantities.js';
import { type Facts, given } from './facts.js';
import { type Check, fail, ok, type Verdict, warn } from './verdict.js';

/** Two clocks this far apart are no matter of how long the answer took. */
const CLOCK_OFFSET_MS_MIN = 1_000;
const DOMAINS: readonly FailureDomain[] = ['node', 'host', 'machine', 'zone'];

/** A check that has something to look at only where the store answers. */
const ofStore =
  (check: (nodes: readonly NodeStats[], facts: Facts) => Verdict): Check =>
  (facts) =>
    facts.store && check(facts.store.status.stats.nodes, facts);

const named = (nodes: readonly { readonly node: number }[]): string =>
  `${nodes.length === 1 ? 'node' : 'nodes'} ${nodes.map(({ node }) => node).join(', ')}`;

const sum = (nodes: readonly NodeStats[], pick: (node: NodeStats) => number): number =>
  nodes.reduce((total, node) => total + pick(node), 0);

export const checkVersion: Check = ({ store, version }) => {
  const served = store?.status.version;
  if (served === undefined) return undefined;
  return served === version
    ? ok(`kvorum ${version}`)
    : warn(`this is kvorum ${version}, the process that holds the store is ${served}`);
};

export const checkNodes: Check = ({ store }) => {
  if (store === undefined) return undefined;
  const { members } = store.status;
  const inState = (state: MemberReport['state']) => members.filter((member) => member.state === state);
  const down = inState('down');
  if (down.length > 0) return fail(`${named(down)} of ${members.length} down; kvorum status says more`);
  const suspects = inState('suspect');
  if (suspects.length === 0) return ok(`all ${members.length} nodes are up`);
  const by = [...new Set(suspects.flatMap(({ reporters }) => reporters))].join(', ');
  return warn(`${named(suspects)} suspected to be down (by ${by}): slow, or not reached`);
};

export const checkReadOnly = ofStore((nodes) => {
  const readOnly = nodes.filter((node) => node.readOnly);
  if (readOnly.length === 0) return ok('every node takes writes');
  return fail(`${named(readOnly)} read-only: the disk or a size limit is full (logBytesMax, mapBytesMax)`);
});

/** Replicas that lost something, and do not count until they have compared with the others. */
export const checkDoubt = ofStore((nodes, { store }) => {
  const members = store?.status.members ?? [];
  const elsewhere = members.filter((one) => one.counts === false && !nodes.some(({ node }) => node === one.node));
  const inDoubt = [...nodes.filter(({ repairs }) => repairs.inDoubt > 0), ...elsewhere];
  const aside = sum(nodes, ({ repairs }) => repairs.setAside);
  const dropped = sum(nodes, ({ repairs }) => repairs.setAsideDropped);
  const given = dropped === 0 ? '' : `, ${formatNumber(dropped, 'older one')} given up for them`;
  const bytes = formatBytes(sum(nodes, ({ repairs }) => repairs.setAsideBytes));
  if (aside > 0) {
    return warn(
      `${formatNumber(aside, 'record')} (${bytes}) that only a rolled-back or damaged disk held were set aside${given}`,
    );
  }
  const wrong = nodes.filter(({ repairs }) => repairs.treesDiffering > 0);
  if (wrong.length > 0) {
    const trees = formatNumber(
      sum(wrong, ({ repairs }) => repairs.treesDiffering),
      'tree',
    );
    return warn(`${named(wrong)}: ${trees} did not fit the records and were built anew: a bug, or bad memory`);
  }
  if (inDoubt.length === 0) return ok('every replica counts');
  return warn(`${named(inDoubt)} in doubt after losing something: they compare with the others before they count`);
});

export const checkHints = ofStore((nodes) => {
  const hints = sum(nodes, (node) => node.hints);
  const notes = sum(nodes, (node) => node.notes);
  if (hints === 0 && notes === 0) return ok('no node keeps hints for others');
  const bytes = formatBytes(sum(nodes, (node) => node.hintBytes));
  const owed = notes === 0 ? '' : `; ${formatNumber(notes, 'partition')} of others need kvorum repair`;
  return warn(`${formatNumber(hints, 'hint')} (${bytes}) wait for nodes that missed writes${owed}`);
});

export const checkWakeUps = ofStore((nodes) => {
  const missed = nodes.filter(({ missedWakeUps }) => missedWakeUps > 0);
  if (missed.length === 0) return ok('no thread slept through its work');
  return warn(
    `${named(missed)} missed ${formatCount(sum(missed, (node) => node.missedWakeUps))} wake-ups: a bug, please report it`,
  );
});

export const checkOverload = ofStore((nodes) => {
  const refusing = nodes.filter(({ refusedSends }) => refusedSends > 0);
  const restarts = sum(nodes, ({ actorRestarts }) => actorRestarts);
  if (restarts > 0) return warn(`actors were restarted ${formatCount(restarts)} times: a bug, please report it`);
  if (refusing.length === 0) return ok('no message was refused');
  return warn(`${named(refusing)} refused messages since the start: overloaded at times`);
});

/** The clock of the process that holds the store, which stamps writes, against the one here. */
export const checkClock: Check = (facts) => {
  const theirs = facts.store?.status.nowMs;
  if (theirs === undefined || facts.store?.isServed !== true) return undefined;
  const offsetMs = theirs - facts.nowMs;
  const driftMaxMs = Number(given(facts, 'clockDriftMaxMs'));
  const text = `the clock of the store is ${formatCount(Math.abs(offsetMs))} ms ${offsetMs < 0 ? 'behind' : 'ahead of'} this one`;
  if (Math.abs(offsetMs) >= driftMaxMs)
    return fail(`${text}, more than clockDriftMaxMs: hosts so far apart refuse each other`);
  return Math.abs(offsetMs) >= CLOCK_OFFSET_MS_MIN ? warn(`${text}: is NTP running?`) : ok('the clocks agree');
};

export const checkHosts: Check = ({ store }) => {
  const hosts = store?.status.hosts ?? [];
  const own = hosts.find((host) => host.own);
  if (own !== undefined && own.nodes.length === 0) {
    return fail(`host ${own.host} has not joined: no member of the ring runs there; its log says what refuses it`);
  }
  if (hosts.length < 2) return alone(store?.status.stats.bridge?.closed['other-cluster'] ?? 0);
  const absent = hosts.filter(({ state }) => state === 'down');
  const down = absent.filter(({ nodes }) => nodes.length > 0);
  if (absent.some(({ refusal }) => refusal?.includes('id-in-use'))) {
    return fail(`another process is connected as host ${own?.host}: stop one of the two, or give it another hostId`);
  }
  if (down.length > 0) {
    const names = down.map(({ host, refusal }) => (refusal === undefined ? host : `${host} (${refusal})`));
    return fail(`${down.length === 1 ? 'host' : 'hosts'} ${names.join(', ')} not connected`);
  }
  if (absent.length > 0) {
    const names = absent.map(({ host }) => host);
    const what = `no node in the ring, and not connected: ${names.join(', ')}`;
    return warn(`${what}; one that has left for good is forgotten after an hour, or by kvorum forget ${names[0]}`);
  }
  const rivals = store?.status.stats.bridge?.closed['id-in-use'] ?? 0;
  if (rivals === 0) return ok(`all ${hosts.length} hosts are connected`);
  return warn(`two processes have had one hostId: the second was refused ${formatNumber(rivals, 'time')} (id-in-use)`);
};

/** A host that has lost its disk and begins a cluster beside its old one is alone, and its former peers knock. */
const alone = (refused: number): ReturnType<Check> =>
  refused === 0
    ? undefined
    : fail(
        `hosts of another cluster of this name were refused ${formatNumber(refused, 'time')} (other-cluster): where this host ` +
          'had lost its disk, stop it, empty its directory and start it while the others run',
      );

/** Whether replicas could be further apart than they have to be. */
export const checkFailureDomain: Check = ({ store }) => {
  if (store === undefined) return undefined;
  const { n, failureDomain } = store.ring;
  const holding = store.status.hosts.filter(({ nodes }) => nodes.length > 0);
  const countOf = {
    zone: distinct(holding, 'zone'),
    machine: distinct(holding, 'machine'),
    host: distinct(holding, 'host'),
  };
  const isWider = (domain: FailureDomain) => DOMAINS.indexOf(domain) > DOMAINS.indexOf(failureDomain);
  const wider = (['zone', 'machine', 'host'] as const).find(
    (domain) => isWider(domain) && n > 1 && countOf[domain] >= n,
  );
  const text = `replicas are on different ${failureDomain}s`;
  if (wider === undefined) return ok(text);
  return warn(`${text}; with ${countOf[wider]} ${wider}s there could be one on each: kvorum failure-domain ${wider}`);
};

function distinct(hosts: readonly HostReport[], name: 'host' | 'machine' | 'zone'): number {
  return new Set(hosts.map((host) => host[name])).size;
}
