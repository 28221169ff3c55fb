/**
 * The first frame of either side: who it is, what it speaks, and all in which two hosts must agree. A later version may add
 * fields, and must keep these: by them a host that is older or newer is told why it is refused.
 */
import { NODE_COUNT_MAX } from '../core/ids.js';
import { isText, parseEndpoint, readHostAddress } from './host-address.js';
import type { RefusalReason } from './refusal.js';
import type { HostAddress, VersionRange } from './types.js';

export const MAGIC = 'kvorum';
/**
 * Versions of frames and messages that this source speaks. Whoever changes what a message looks like raises them: a test
 * (test/bridge/protocol-version.test.ts) keeps the shapes that belong to each.
 */
export const PROTOCOL_VERSIONS: VersionRange = { min: 3, max: 3 };
export const NONCE_BYTES = 32;

/** `peer`: to exchange messages; `ask`: to be told about the cluster, by a host that is not part of it yet. */
export type Purpose = 'peer' | 'ask';

export interface Hello {
  readonly magic: string;
  readonly versions: VersionRange;
  /** Empty for a host that asks and does not know. */
  readonly cluster: string;
  /** Random for each process. */
  readonly incarnation: number;
  /** Of the options that must be the same, and of the cluster's id. */
  readonly optionsHash: string;
  /** Tells two clusters of one name apart. Not said by a host that asks, or of an older version. */
  readonly clusterId?: string;
  /** Milliseconds since 1970. */
  readonly clockMs: number;
  /** The host's monotonic clock, as 32 bits. */
  readonly monotonicMs: number;
  readonly nonce: Uint8Array;
  readonly purpose: Purpose;
  /** Whether the sender proves that it knows the secret, and expects as much. */
  readonly proves: boolean;
  /** Id, address, range, zone and machine of the sender. */
  readonly self: HostAddress;
}

/** Plain data as a hello, or why it is none. */
export function readHello(value: unknown): Hello | RefusalReason {
  if (typeof value !== 'object' || value === null) return 'malformed';
  const { magic, versions, self, ...rest } = value as Record<string, unknown>;
  if (magic !== MAGIC || !isVersionRange(versions)) return 'malformed';
  const { cluster, incarnation, optionsHash, clusterId, clockMs, monotonicMs, nonce, purpose, proves } = rest;
  const isPurpose = purpose === 'peer' || purpose === 'ask';
  if (!isPurpose || !isText(cluster, 0) || !isText(optionsHash, 0) || typeof proves !== 'boolean') return 'malformed';
  if (clusterId !== undefined && !isText(clusterId, 0)) return 'malformed';
  if (!isNumber(incarnation) || !isNumber(clockMs) || !isNumber(monotonicMs)) return 'malformed';
  if (!(nonce instanceof Uint8Array) || nonce.length !== NONCE_BYTES) return 'malformed';
  const address = purpose === 'peer' ? readHostAddress(self) : readAsker(self);
  if (address === undefined) return hasHost(self) ? 'range' : 'malformed';
  const fields = { cluster, incarnation, optionsHash, clockMs, monotonicMs, nonce, purpose, proves } as const;
  return { magic, versions, ...fields, ...(clusterId !== undefined && { clusterId }), self: address };
}

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

function isVersionRange(value: unknown): value is VersionRange {
  if (typeof value !== 'object' || value === null) return false;
  const { min, max } = value as Record<string, unknown>;
  return Number.isInteger(min) && Number.isInteger(max) && (min as number) <= (max as number);
}

/** Whether the address is right but for its range. */
function hasHost(value: unknown): boolean {
  const { first, room } = (value ?? {}) as Record<string, unknown>;
  const isNumbered = typeof first === 'number' && typeof room === 'number';
  return isNumbered && readHostAddress({ ...(value as object), first: 0, room: 1 }) !== undefined;
}

/** A host that only asks has no nodes yet; `room`: how many it wants a range for, 0 where it wants none. */
function readAsker(value: unknown): HostAddress | undefined {
  const { host, room } = (value ?? {}) as Record<string, unknown>;
  if (!isText(host) || !Number.isInteger(room)) return undefined;
  const isRoom = (room as number) >= 0 && (room as number) <= NODE_COUNT_MAX;
  return isRoom ? { host, address: '', first: 0, room: room as number, zone: '', machine: '' } : undefined;
}

/** The highest version that both speak, or undefined. */
export function commonVersion(a: VersionRange, b: VersionRange): number | undefined {
  const version = Math.min(a.max, b.max);
  return version < Math.max(a.min, b.min) ? undefined : version;
}

/** What a host that received a hello knows besides. */
export interface Judgement {
  readonly clockMs: number;
  readonly clockDriftMaxMs: number;
  /** Ids that the peer's certificate names; undefined without TLS. */
  readonly certificateNames: readonly string[] | undefined;
  readonly allow: readonly string[] | undefined;
  /** What speaks against this host: a range that is taken, a connection that there is already. */
  readonly objection: (hello: Hello) => RefusalReason | undefined;
}

/** Why `theirs` is refused by the sender of `own`; undefined where it is not. */
export function judgeHello(own: Hello, theirs: Hello, about: Judgement): RefusalReason | undefined {
  if (commonVersion(own.versions, theirs.versions) === undefined) return 'version';
  const isAsk = own.purpose === 'ask' || theirs.purpose === 'ask';
  if (own.cluster !== theirs.cluster && !(isAsk && (own.cluster === '' || theirs.cluster === ''))) return 'cluster';
  if (Buffer.compare(own.nonce, theirs.nonce) === 0) return 'replay';
  // a host that meets itself, by another name of its address, or another process under its id
  if (own.self.host === theirs.self.host) return own.incarnation === theirs.incarnation ? 'self' : 'id-in-use';
  if (own.proves !== theirs.proves) return 'authentication';
  const { certificateNames, allow } = about;
  if (certificateNames !== undefined) {
    const isNamed = certificateNames.includes(theirs.self.host);
    if (!isNamed || !(allow?.includes(theirs.self.host) ?? true)) return 'certificate';
  }
  if (Math.abs(theirs.clockMs - about.clockMs) > about.clockDriftMaxMs) return 'clock';
  if (isAsk) return theirs.purpose === 'ask' ? about.objection(theirs) : undefined;
  if (own.optionsHash === theirs.optionsHash) return about.objection(theirs);
  return isOther(own.clusterId, theirs.clusterId) ? 'other-cluster' : 'options';
}

const isOther = (own = '', theirs = ''): boolean => own !== '' && theirs !== '' && own !== theirs;

/** Whether a peer can be reached at the address that it names. */
export const isDialable = ({ address }: HostAddress): boolean => (parseEndpoint(address)?.port ?? 0) > 0;
