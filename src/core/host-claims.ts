/**
 * Which host has which range of node indices, as the ring says: a range is claimed before a host starts its nodes, and a
 * majority decides each claim as it decides the ring, so no two hosts ever have the same one. A claim outlives the nodes,
 * also where a disk was lost; it ends when the host is forgotten, and only then another host may have the range.
 */
import { StoreError } from './errors.js';
import { NODE_COUNT_MAX } from './ids.js';

/** Ranges of nodes begin at multiples of this. */
export const RANGE_ALIGN = 32;

/** The nodes `first` to `first + room - 1` are this host's, whether they run or not. */
export interface HostClaim {
  readonly host: string;
  readonly first: number;
  readonly room: number;
}

type Range = Pick<HostClaim, 'first' | 'room'>;

export const overlaps = (a: Range, b: Range): boolean => a.first < b.first + b.room && b.first < a.first + a.room;

export const claimOf = (claims: readonly HostClaim[], host: string): HostClaim | undefined =>
  claims.find((claim) => claim.host === host);

export const holdsNode = (claim: HostClaim, node: number): boolean => overlaps(claim, { first: node, room: 1 });

/** What a host needs in order to be let in. */
export interface Admission {
  readonly host: string;
  /** Nodes that it has room for. */
  readonly room: number;
  /** Hosts that whoever asks knows of: where the ring has no claims yet, their ranges become such. */
  readonly known: readonly HostClaim[];
}

/**
 * The claims with one for this host: the first range that is free of other claims and of `members`, nodes of the ring. The
 * same claims where it has one.
 * @throws StoreError KV_UNAVAILABLE where no range is left
 */
export function admitted(
  claims: readonly HostClaim[],
  members: readonly number[],
  { host, room, known }: Admission,
): readonly HostClaim[] {
  if (claimOf(claims, host) !== undefined) return claims;
  const all = [...claims];
  for (const { host: other, first, room: itsRoom } of claims.length === 0 ? known : []) {
    const claim = { host: other, first, room: aligned(itsRoom) };
    if (!all.some((one) => one.host === other || overlaps(one, claim))) all.push(claim);
  }
  if (claimOf(all, host) !== undefined) return all;
  for (let first = 0; first + aligned(room) <= NODE_COUNT_MAX; first += RANGE_ALIGN) {
    const claim = { host, first, room: aligned(room) };
    const isTaken =
      all.some((other) => overlaps(other, claim)) || members.some((node) => overlaps(claim, { first: node, room: 1 }));
    if (!isTaken) return [...all, claim];
  }
  throw new StoreError('KV_UNAVAILABLE', 'the cluster has no room for another host');
}

const aligned = (room: number): number => Math.ceil(Math.max(room, 1) / RANGE_ALIGN) * RANGE_ALIGN;

/** Plain data as claims; undefined where it is none. */
export function claimsFrom(value: unknown): readonly HostClaim[] | undefined {
  if (value === undefined) return [];
  const isClaim = (one: Partial<HostClaim> | null) =>
    typeof one?.host === 'string' && Number.isSafeInteger(one.first) && Number.isSafeInteger(one.room);
  return Array.isArray(value) && value.every(isClaim) ? (value as HostClaim[]) : undefined;
}
