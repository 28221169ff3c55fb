/**
 * How a host with a new directory finds the cluster that its seeds belong to: it asks any of them for the options, the
 * ring and the hosts, and for a range of node indices. The host that is asked proposes one to the members, who decide it
 * (core/host-claims.ts), so hosts that come at the same moment by different seeds have different ones. Its nodes become
 * members later, by a change of the ring like any other.
 */
import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HostAddress } from '../bridge/types.js';
import { asStoreError, StoreError } from '../core/errors.js';
import { claimOf, type HostClaim } from '../core/host-claims.js';
import type { OpenOptions } from '../core/options.js';
import { nodesOf } from '../core/resolve-options.js';
import { readRing } from '../core/ring-packing.js';
import { allMembers, type RingState } from '../core/ring-state.js';
import { type ClusterFacts, credentialsOf, seedsOf } from './bridge-settings.js';
import type { DataDirectory } from './data-directory.js';

const ASK_MS_MAX = 60_000;
/** Refusals that may be none the next time, or by the next seed, and how long they may last. */
const PASSES_MS: Readonly<Record<string, number>> = {
  timeout: ASK_MS_MAX,
  busy: ASK_MS_MAX,
  'id-in-use': 6_000,
};
/** How long the first seed looks for a cluster before it begins one, where nobody listens at any of the others. */
const FOUND_MS = 1_500;
const PAUSE_MS = 500;
/** How often it asks whether it has been let in, and for how long. */
const ADMIT_LOOK_MS = 100;

/**
 * The given options, completed by those of the cluster where this host is to join one; its ring and its hosts are then in
 * the directory. As they are, for a host that begins a cluster or has been part of one.
 * @throws StoreError KV_UNAVAILABLE where no seed answers within `askMs`, KV_WRONG_CLUSTER, KV_PEER_REFUSED
 */
export async function meetCluster(
  given: OpenOptions,
  directory: DataDirectory,
  askMs: number = ASK_MS_MAX,
): Promise<OpenOptions> {
  const { listen, advertise = listen } = given;
  const seeds = seedsOf(given);
  const isOwn = (seed: string) => seed === advertise || seed === listen;
  const others = seeds.filter((seed) => !isOwn(seed));
  if (!directory.isNew || listen === undefined || others.length === 0) return given;
  const hostId = given.hostId ?? `host-${randomBytes(6).toString('hex')}`;
  const room = nodesOf(given, availableParallelism()).nodesMax;
  const joiner = { ...given, hostId };
  const found = await (isOwn(seeds[0]) ? askAsFirst : ask)(others, joiner, { limitMs: askMs, room: 0 });
  if (found === undefined) return given;
  // options that do not fit are not worth a range
  const options = adoptOptions(joiner, found.facts);
  const { answer, claim } = await untilAdmitted(others, joiner, room);
  const { facts, hosts } = answer;
  const ring = readRing(facts.ring);
  directory.writeRing(ring);
  directory.writeHosts({
    firstNode: claim.first,
    hosts: hosts.filter(({ host }) => host !== hostId),
    // a host that lost its disk takes its nodes up again
    hasJoined: allMembers(ring).some(({ host }) => host === hostId),
    clusterId: facts.clusterId,
  });
  return options;
}

/**
 * The first seed begins the cluster, unless it lost its disk and the others have one already: undefined where nobody listens
 * at any of their addresses. One that may be there, out of reach or too busy, may be of a cluster, beside which none is begun.
 * @throws StoreError as `ask`
 */
async function askAsFirst(others: readonly string[], joiner: OpenOptions, asking: Asking): Promise<Answer | undefined> {
  try {
    return await ask(others, joiner, { ...asking, nobodyMs: FOUND_MS });
  } catch (thrown) {
    const error = asStoreError(thrown);
    if (error.code !== 'KV_UNAVAILABLE') throw error;
    if (error.details.isNobody === true) return undefined;
    const advice =
      'start it again once that answers, or, where there is no cluster, with its own address as the only seed';
    const message = `${error.message}; who may be there may be of a cluster, so this host begins none: ${advice}`;
    throw new StoreError('KV_UNAVAILABLE', message, error.details, error);
  }
}

interface Admitted {
  readonly answer: Answer;
  readonly claim: HostClaim;
}

/** Asks again until the members have decided which range this host has. @throws StoreError KV_UNAVAILABLE, KV_PEER_REFUSED */
async function untilAdmitted(seeds: readonly string[], joiner: OpenOptions, room: number): Promise<Admitted> {
  const { hostId = '' } = joiner;
  const untilMs = Date.now() + ASK_MS_MAX;
  for (;;) {
    const answer = await ask(seeds, joiner, { limitMs: untilMs - Date.now(), room });
    const claim = claimOf(answer.facts.hosts, hostId);
    if (claim !== undefined) return { answer, claim };
    if (Date.now() > untilMs) {
      throw new StoreError('KV_UNAVAILABLE', 'no majority of the members has let this host in within a minute');
    }
    await sleep(ADMIT_LOOK_MS);
  }
}

interface Asking {
  /** How long the seeds are tried. */
  readonly limitMs: number;
  /** How long where for certain nobody listens at any of them, not even for a moment; default: as long. */
  readonly nobodyMs?: number;
  /** Nodes that a range is wanted for; 0: none. */
  readonly room: number;
}

/** @throws StoreError KV_UNAVAILABLE (details.isNobody: nobody listened), KV_INVALID_OPTION, KV_PEER_REFUSED */
async function ask(seeds: readonly string[], given: OpenOptions, asking: Asking): Promise<Answer> {
  const { limitMs, nobodyMs = limitMs, room } = asking;
  const { clusterName = 'kvorum', hostId = '', clockDriftMaxMs = 60_000 } = given;
  const settings = { host: hostId, room, clusterName, clockDriftMaxMs, ...credentialsOf(given) };
  const beganMs = Date.now();
  // only here: a host that is all of its cluster need not load the way to others
  const { askCluster } = await import('../bridge/ask-cluster.js');
  let isNobody = true;
  for (;;) {
    let last = '';
    for (const seed of seeds) {
      try {
        const { facts, hosts } = await askCluster(seed, settings);
        return { facts: facts as ClusterFacts, hosts };
      } catch (thrown) {
        const error = asStoreError(thrown);
        // a refusal will not change; a seed that does not answer may come
        if (error.code === 'KV_INVALID_OPTION') throw error;
        const passesMs = PASSES_MS[error.details.reason as string] ?? 0;
        if (error.code === 'KV_PEER_REFUSED' && Date.now() - beganMs >= passesMs) throw error;
        const isCertain = error.details.isNobody === true;
        isNobody &&= isCertain;
        // one that may be there says more than one that is not
        if (!isCertain || last === '') last = `${seed}: ${error.message}`;
      }
    }
    if (Date.now() - beganMs > (isNobody ? nobodyMs : limitMs)) {
      throw new StoreError('KV_UNAVAILABLE', `no seed answers; the last was ${last}`, { isNobody });
    }
    await sleep(PAUSE_MS);
  }
}

/** The ring as another host knows it; undefined where none answers. */
export async function askForRing(options: OpenOptions, hosts: readonly HostAddress[]): Promise<RingState | undefined> {
  const addresses = [...hosts.map(({ address }) => address), ...seedsOf(options)];
  const answer = await ask(addresses, options, { limitMs: 0, room: 0 }).catch(() => undefined);
  return answer === undefined ? undefined : readRing(answer.facts.ring);
}

interface Answer {
  readonly facts: ClusterFacts;
  readonly hosts: readonly HostAddress[];
}

function adoptOptions(given: OpenOptions, { options }: ClusterFacts): OpenOptions {
  const named = given as Readonly<Record<string, unknown>>;
  for (const [name, value] of Object.entries(options)) {
    if (named[name] === undefined || named[name] === value) continue;
    const message = `the cluster has ${name} ${JSON.stringify(value)}, not ${JSON.stringify(named[name])}; leave the option out`;
    throw new StoreError('KV_WRONG_CLUSTER', message, { option: name });
  }
  return { ...options, ...given };
}
