/**
 * What five hosts go through under load, and what must hold behind each of it: every acknowledged write is there, the
 * history of each key is linearizable, all replicas are equal, no call took longer than its deadline, memory is bounded.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { checkHistory } from '../../src/sim/history.js';
import { Random } from '../../src/sim/random.js';
import { Cluster, type ClusterOptions } from './cluster.js';
import type { HostHandle } from './host-handle.js';
import { OPEN_LINK } from './link-proxy.js';
import { Loopback } from './loopback.js';
import { DEADLINE_MS, Workload } from './workload.js';

export interface OrdealOptions extends Pick<ClusterOptions, 'network' | 'tell' | 'nodesPerHost'> {
  readonly seed: number;
  /** How long a host is stopped, a link cut, and so on. */
  readonly faultMs: number;
  /** Names of the faults, in order; all where left out. */
  readonly faults?: readonly string[];
}

export interface OrdealReport {
  readonly violations: readonly string[];
  readonly rows: readonly OrdealRow[];
  readonly network: string;
  readonly longestMs: number;
  /** Errors by code. */
  readonly failures: Readonly<Record<string, number>>;
  readonly history: Workload['history'];
}

export interface OrdealRow {
  readonly fault: string;
  readonly acknowledged: number;
  readonly unknown: number;
  readonly refused: number;
  readonly reads: number;
  readonly failedReads: number;
  readonly moved: number;
  readonly rssMax: number;
}

const HOSTS = 5;
const PLACES = 7;
const RSS_MAX = 700 * 2 ** 20;
const SLACK_MS = 2_500;

interface World {
  readonly cluster: Cluster;
  readonly random: Random;
  readonly faultMs: number;
}

type Fault = (world: World) => Promise<void>;

/** Every fault ends with the cluster as it was, or as it is meant to be from then on. */
export const FAULTS: Readonly<Record<string, Fault>> = {
  kill: async ({ cluster, random, faultMs }) => {
    const place = random.pick([...cluster.members]);
    await cluster.hosts[place].kill();
    await sleep(faultMs);
    await cluster.start(place);
  },
  stop: async ({ cluster, random, faultMs }) => {
    const host = cluster.hosts[random.pick([...cluster.members])];
    host.stop();
    await sleep(faultMs);
    host.resume();
  },
  'cut both ways': (world) => cutOne(world, false),
  'cut one way': (world) => cutOne(world, true),
  unplug: async ({ cluster, random, faultMs }) => {
    await cluster.network.unplug(random.pick([...cluster.members]));
    await sleep(faultMs);
    await cluster.network.heal();
  },
  flap: async ({ cluster, random, faultMs }) => {
    const place = random.pick([...cluster.members]);
    for (let i = 0; i < 6; i++) {
      await cluster.network.unplug(place);
      await sleep(faultMs / 12);
      await cluster.network.heal();
      await sleep(faultMs / 12);
    }
  },
  disturb: async ({ cluster: { network }, random, faultMs }) => {
    if (!(network instanceof Loopback)) throw new Error('only links of loopback can be disturbed');
    network.disturb({ ...OPEN_LINK, delayMs: 5, pieceBytes: 700 });
    for (let i = 0; i < 5; i++) {
      await sleep(faultMs / 5);
      if (random.chance(0.5)) network.reset();
      else await network.replay();
    }
    await network.heal();
  },
  join: async ({ cluster }) => {
    for (let place = HOSTS; place < PLACES; place++) {
      await cluster.start(place);
      await cluster.whole();
    }
  },
  leave: async ({ cluster }) => {
    const place = HOSTS;
    if (!cluster.members.has(place)) return;
    const host = cluster.hosts[place];
    const { members } = await host.look();
    const nodes = members.filter((member) => member.host === host.name).map(({ node }) => node);
    await cluster.hosts[0].ask('change', { change: { kind: 'leave', nodes } });
    cluster.members.delete(place);
    await cluster.whole();
    await quiet(host);
    await host.close();
  },
  'empty disk': async ({ cluster, random, faultMs }) => {
    const place = random.pick([...cluster.members].filter((one) => one > 0));
    await cluster.hosts[place].kill();
    cluster.wipe(place);
    await sleep(faultMs / 4);
    await cluster.start(place);
  },
  'rolling restart': async ({ cluster }) => {
    for (const place of [...cluster.members]) {
      await quiet(cluster.hosts[place]);
      await cluster.hosts[place].close();
      await cluster.start(place);
      await cluster.whole();
    }
  },
};

/** What an operator does by plan fails no call. */
const PLANNED: ReadonlySet<string> = new Set(['join', 'leave', 'rolling restart']);

/** Its clients ask elsewhere from now on, as those of a host that is stopped by plan would. */
async function quiet(host: HostHandle): Promise<void> {
  host.isLeaving = true;
  await sleep(300);
}

async function cutOne({ cluster, random, faultMs }: World, oneWay: boolean): Promise<void> {
  const [a, b] = random.shuffled([...cluster.members]);
  await cluster.network.cut(a, b, oneWay);
  await sleep(faultMs);
  await cluster.network.heal();
}

export async function ordeal(options: OrdealOptions): Promise<OrdealReport> {
  const { seed, nodesPerHost, faultMs, network, tell, faults = Object.keys(FAULTS) } = options;
  const random = new Random(seed);
  const cluster = await Cluster.make({ places: PLACES, nodesPerHost, network, tell });
  const load = new Workload(cluster.hosts, random.fork());
  const violations: string[] = [];
  const rows: OrdealRow[] = [];
  try {
    await begin(cluster);
    const isDisturbable = cluster.network instanceof Loopback;
    for (const fault of faults) {
      if (fault === 'disturb' && !isDisturbable) {
        tell('disturb: not here, links can be disturbed on loopback only');
        continue;
      }
      const before = { ...load.outcomes };
      tell(fault);
      load.start();
      await sleep(500);
      await FAULTS[fault]({ cluster, random, faultMs });
      await sleep(500);
      await load.stop();
      await cluster.whole();
      const moved = await cluster.equal();
      violations.push(...(await judge(cluster, load, fault)));
      const rssMax = await cluster.rssMax();
      if (rssMax > RSS_MAX) violations.push(`${fault}: a host takes ${rssMax} bytes of memory`);
      const row = { fault, ...since(before, load.outcomes), moved, rssMax };
      rows.push(row);
      if (PLANNED.has(fault) && row.unknown + row.refused + row.failedReads > 0)
        violations.push(`${fault}: calls have failed`);
    }
    const { longestMs } = load;
    if (longestMs > DEADLINE_MS + SLACK_MS) violations.push(`a call took ${longestMs.toFixed(0)} ms`);
    const { history, failures } = load;
    return { violations, rows, network: cluster.network.kind, longestMs, failures, history };
  } finally {
    await load.stop();
    await cluster.close();
  }
}

/** Five hosts, each replica of a key on another. */
async function begin(cluster: Cluster): Promise<void> {
  for (let place = 0; place < HOSTS; place++) {
    await cluster.start(place);
    await cluster.whole();
    cluster.tell(`${cluster.hosts[place].name} is part of it`);
  }
  await cluster.hosts[0].ask('change', { change: { kind: 'failure-domain', failureDomain: 'host' } });
  await cluster.whole();
  cluster.tell('each replica of a key is on another host');
}

/** Every key read on two hosts, as part of the history, which must be linearizable. */
async function judge(cluster: Cluster, load: Workload, when: string): Promise<string[]> {
  const problems: string[] = [];
  const { running } = cluster;
  for (const key of load.keys) {
    for (const host of [running[0], running[running.length - 1]]) {
      if ((await load.read('judge', host, key)) === undefined)
        problems.push(`${when}: ${key} cannot be read on ${host.name}`);
    }
  }
  for (const { key, entry } of checkHistory(load.history)) {
    problems.push(`${when}: ${key} is not linearizable: ${JSON.stringify(entry).slice(0, 200)} fits nowhere`);
  }
  return problems;
}

function since(before: Workload['outcomes'], after: Workload['outcomes']): Workload['outcomes'] {
  return {
    acknowledged: after.acknowledged - before.acknowledged,
    unknown: after.unknown - before.unknown,
    refused: after.refused - before.refused,
    reads: after.reads - before.reads,
    failedReads: after.failedReads - before.failedReads,
  };
}
