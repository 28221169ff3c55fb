/** What a host tells its bridge, and what it tells a host that wants to join: all of it from its options and its ring. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { hostname } from 'node:os';
import { type Endpoint, parseEndpoint } from '../bridge/host-address.js';
import type { BridgeSettings, HostAddress } from '../bridge/types.js';
import type { HostClaim } from '../core/host-claims.js';
import { invalidOption } from '../core/option-check.js';
import { OPTION_SPECS, type StoreOptions } from '../core/options.js';
import { packRing } from '../core/ring-packing.js';
import type { RingState } from '../core/ring-state.js';

/**
 * Cluster options that are compared otherwise: the ring itself keeps the failure domain, the hello names the cluster. R and
 * W are defaults of requests, but ring changes and doubts count with them.
 */
const MAY_DIFFER: readonly string[] = ['failureDomain', 'clusterName'];

const clusterOptions = (Object.keys(OPTION_SPECS) as (keyof StoreOptions)[]).filter(
  (name) => OPTION_SPECS[name].scope === 'cluster',
);

/** What a host that wants to join is told. */
export interface ClusterFacts {
  readonly options: Readonly<Record<string, unknown>>;
  /** As `packRing` makes it. */
  readonly ring: unknown;
  /** Drawn by the host that began the cluster: two clusters of one name are still two. */
  readonly clusterId: string;
  /** Hosts that were let in; `ring` has them too. */
  readonly hosts: readonly HostClaim[];
}

export function factsOf(options: StoreOptions, ring: RingState, clusterId: string): ClusterFacts {
  const named = clusterOptions.map((name) => [name, options[name]]);
  return {
    options: { ...Object.fromEntries(named), failureDomain: ring.failureDomain },
    ring: packRing(ring),
    clusterId,
    hosts: ring.hosts,
  };
}

/** Two hosts must have the same: options that fit, and one origin. */
export function optionsHash(options: StoreOptions, clusterId: string): string {
  const named = clusterOptions.filter((name) => !MAY_DIFFER.includes(name)).map((name) => [name, options[name]]);
  return createHash('sha256')
    .update(JSON.stringify([clusterId, named]))
    .digest('hex');
}

export interface SettingsParts {
  readonly first: number;
  readonly room: number;
  readonly known: readonly HostAddress[];
  readonly clusterId: string;
  readonly claims: readonly HostClaim[];
  readonly idle: readonly string[];
}

/** @throws StoreError KV_INVALID_OPTION */
export function bridgeSettings(
  options: StoreOptions,
  { first, room, known, clusterId, claims, idle }: SettingsParts,
): BridgeSettings {
  const { hostId, zone, listen = '', advertise = listen, clusterName, clockDriftMaxMs } = options;
  return {
    self: { host: hostId, address: advertise, first, room, zone, machine: hostname() },
    listen: parseAddress('listen', listen),
    seeds: seedsOf(options).filter((seed) => seed !== advertise && seed !== listen),
    known: known.filter(({ host }) => host !== hostId),
    clusterName,
    optionsHash: optionsHash(options, clusterId),
    clusterId,
    claims,
    idle,
    clockDriftMaxMs,
    ...credentialsOf(options),
  };
}

/** What proves that hosts belong together. */
export type Proofs = Pick<BridgeSettings, 'secret' | 'tls'>;

/** How hosts know each other. @throws StoreError KV_INVALID_OPTION */
export function credentialsOf({ secret, tlsCa, tlsCert, tlsKey }: Partial<StoreOptions>): Proofs {
  if (secret !== undefined && secret.length < 16)
    throw invalidOption('secret', 'secret must have at least 16 characters');
  const given = [tlsCa, tlsCert, tlsKey].filter((path) => path !== undefined).length;
  if (given !== 0 && given !== 3)
    throw invalidOption('tlsCert', 'tlsCa, tlsCert and tlsKey belong together: give all three');
  return {
    ...(secret === undefined ? {} : { secret }),
    ...(tlsCa === undefined || tlsCert === undefined || tlsKey === undefined
      ? {}
      : { tls: { ca: readPem('tlsCa', tlsCa), cert: readPem('tlsCert', tlsCert), key: readPem('tlsKey', tlsKey) } }),
  };
}

function readPem(option: string, path: string): string {
  try {
    return fs.readFileSync(path, 'utf8');
  } catch (error) {
    throw invalidOption(option, `${option} ${path} cannot be read: ${(error as Error).message}`);
  }
}

export const seedsOf = ({ seeds = '' }: Partial<StoreOptions>): string[] =>
  seeds
    .split(',')
    .map((seed) => seed.trim())
    .filter((seed) => seed !== '');

/** HOST:PORT; an IPv6 address stands in brackets. @throws StoreError KV_INVALID_OPTION */
function parseAddress(option: string, text: string): Endpoint {
  const endpoint = parseEndpoint(text);
  if (endpoint === undefined) throw invalidOption(option, `${option} must be HOST:PORT, not '${text}'`);
  return endpoint;
}
