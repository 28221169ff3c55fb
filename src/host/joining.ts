/**
 * How a host with a new directory finds the cluster that its seeds belong to: it asks any of them for the options, the
 * ring and the hosts, and takes a range of node indices that no other host has. Its nodes become members later, by a
 * change of the ring like any other.
 */
import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { askCluster } from '../bridge/ask-cluster.js';
import { overlaps } from '../bridge/host-address.js';
import { RANGE_ALIGN } from '../bridge/limits.js';
import type { HostAddress } from '../bridge/types.js';
import { asStoreError, StoreError } from '../core/errors.js';
import { NODE_COUNT_MAX } from '../core/ids.js';
import type { OpenOptions } from '../core/options.js';
import { nodesOf } from '../core/resolve-options.js';
import { allMembers, type RingState, ringFromPlain } from '../core/ring-state.js';
import { type ClusterFacts, credentialsOf, seedsOf } from './bridge-settings.js';
import type { DataDirectory } from './data-directory.js';

/** Refusals that may be none the next time. */
const PASSES: readonly string[] = ['timeout', 'busy'];
const ASK_MS_MAX = 60_000;
/** How long the first seed looks for a cluster before it begins one. */
const FOUND_MS = 1_500;
const PAUSE_MS = 500;

/**
 * The given options, completed by those of the cluster where this host is to join one; its ring and its hosts are then in
 * the directory. As they are, for a host that begins a cluster or has been part of one.
 * @throws StoreError KV_UNAVAILABLE where no seed answers within a minute, KV_WRONG_CLUSTER, KV_PEER_REFUSED
 */
export async function meetCluster(given: OpenOptions, directory: DataDirectory): Promise<OpenOptions> {
  const { listen, advertise = listen } = given;
  const seeds = seedsOf(given);
  const isOwn = (seed: string) => seed === advertise || seed === listen;
  const others = seeds.filter((seed) => !isOwn(seed));
  if (!directory.isNew || listen === undefined || others.length === 0) return given;
  const hostId = given.hostId ?? `host-${randomBytes(6).toString('hex')}`;
  // the first seed begins the cluster, unless it lost its disk and the others have one already
  const answer = await ask(others, { ...given, hostId }, isOwn(seeds[0]) ? FOUND_MS : ASK_MS_MAX).catch(
    (error: unknown) => {
      if (isOwn(seeds[0]) && asStoreError(error).code === 'KV_UNAVAILABLE') return undefined;
      throw error;
    },
  );
  if (answer === undefined) return given;
  const { facts, hosts } = answer;
  const { clusterId } = facts;
  const ring = ringFromPlain(facts.ring);
  const options = adoptOptions({ ...given, hostId }, facts);
  directory.writeRing(ring);
  const own = hosts.find(({ host }) => host === hostId);
  const hasJoined = allMembers(ring).some(({ host }) => host === hostId);
  // a host that lost its disk takes its nodes up again
  const firstNode = own?.first ?? freeRange(ring, hosts, roomOf(given), facts.before);
  directory.writeHosts({ firstNode, hosts: hosts.filter(({ host }) => host !== hostId), hasJoined, clusterId });
  return options;
}

async function ask(seeds: readonly string[], given: OpenOptions, limitMs: number): Promise<Answer> {
  const { clusterName = 'kvorum', hostId = '', clockDriftMaxMs = 60_000 } = given;
  const settings = { host: hostId, clusterName, clockDriftMaxMs, ...credentialsOf(given) };
  const until = Date.now() + limitMs;
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
        if (error.code === 'KV_PEER_REFUSED' && !PASSES.includes(error.details.reason as string)) throw error;
        last = `${seed}: ${error.message}`;
      }
    }
    if (Date.now() > until) throw new StoreError('KV_UNAVAILABLE', `no seed answers; the last was ${last}`);
    await sleep(PAUSE_MS);
  }
}

/** Room for the host's nodes, and for some that join later: at least what its bridge will claim. */
const roomOf = (given: OpenOptions): number => Math.max(RANGE_ALIGN, nodesOf(given, availableParallelism()).nodesMax);

/** The ring as another host knows it; undefined where none answers. */
export async function askForRing(options: OpenOptions, hosts: readonly HostAddress[]): Promise<RingState | undefined> {
  const addresses = [...hosts.map(({ address }) => address), ...seedsOf(options)];
  const answer = await ask(addresses, options, 0).catch(() => undefined);
  return answer === undefined ? undefined : ringFromPlain(answer.facts.ring);
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

/**
 * A range of `room` indices that no host has taken and no member stands in: the first one, or as many further as hosts
 * are to take one before.
 * @throws StoreError KV_UNAVAILABLE
 */
function freeRange(ring: RingState, hosts: readonly HostAddress[], room: number, before = 0): number {
  const members = allMembers(ring);
  // ranges of hosts that are still to come may be as large as this one
  let left = before * Math.ceil(room / RANGE_ALIGN);
  for (let first = 0; first + room <= NODE_COUNT_MAX; first += RANGE_ALIGN) {
    const end = first + room;
    const isTaken =
      hosts.some((host) => overlaps(host, { first, room })) || members.some(({ node }) => node >= first && node < end);
    if (!isTaken && left-- === 0) return first;
  }
  throw new StoreError('KV_UNAVAILABLE', 'the cluster has no room for another host');
}
