/**
 * How a call ended, in one word of its reply, and the options of a request, in one word of its call.
 *
 *   outcome  status (16 bits: 0 is success, else 1 + index of the error code) | primaries (8) | durability (4) | fallbacks (4)
 *   options  quorum (8: R or W; by zone a number, or a majority) | durability (2) | flags (6) | epoch of the sender's ring map (its low 16 bits)
 */
import { ERROR_CODES, type ErrorCode } from '../core/errors.js';
import type { Durability } from '../core/options.js';
import type { Quorum, ZoneQuorum } from '../core/zone-quorum.js';

/** Weakest first, so that the weakest of two is the smaller. Append-only. */
export const enum DurabilityCode {
  none = 0,
  interval = 1,
  sync = 2,
}

const DURABILITIES: readonly Durability[] = ['none', 'interval', 'sync'];
const CODES = Object.keys(ERROR_CODES) as ErrorCode[];
const STATUS_OF = new Map<ErrorCode, number>(CODES.map((code, index) => [code, index + 1]));

export const durabilityCode = (durability: Durability): DurabilityCode => DURABILITIES.indexOf(durability);
export const durabilityName = (code: number): Durability => DURABILITIES[code] ?? 'none';

export function success(replicas: number, durability: number, fallbacks = 0): number {
  return (replicas << 16) | (durability << 24) | (fallbacks << 28);
}

export function failure(code: ErrorCode): number {
  return STATUS_OF.get(code) as number;
}

export const isSuccess = (outcome: number): boolean => (outcome & 0xffff) === 0;
export const replicasOf = (outcome: number): number => (outcome >>> 16) & 0xff;
export const durabilityOf = (outcome: number): number => (outcome >>> 24) & 0xf;
/** Nodes that stand in for primaries, beside the replicas. */
export const fallbacksOf = (outcome: number): number => outcome >>> 28;

/** The error code of a failed outcome; KV_INTERNAL for one that this version does not know. */
export const errorOf = (outcome: number): ErrorCode => CODES[(outcome & 0xffff) - 1] ?? 'KV_INTERNAL';

/** Flags of a request's options word. */
export const enum Ask {
  /** A context follows the record. */
  context = 1 << 10,
  monotonic = 1 << 11,
  /** Sloppy quorum: nodes that stand in for primaries count. Of a fetch: a replica that is in doubt answers too. */
  available = 1 << 12,
  /** A fetch asks for versions only. */
  versions = 1 << 13,
  /** Of a fetch: whatever the replica holds, counting or not. Of a replicate: also in place of what cannot be read. */
  repair = 1 << 14,
  /** The quorum is one of zones. */
  zoned = 1 << 15,
}

/** Low bits of the detail of a successful `answered` or `fetched`; the next eight of `answered` are the holders. */
export const enum AnswerFlag {
  /** A record follows. */
  record = 1,
  /** It is without its values. */
  versionsOnly = 2,
  /** Of a `fetched`: the replica is in doubt, so that it may lack acknowledged writes. */
  doubtful = 4,
}

/** What the quorum byte holds under `Ask.zoned`, beside so many replicas of the coordinator's zone. */
const enum ZonedByte {
  localQuorum = 0xfe,
  eachQuorum = 0xff,
}

/** A quorum as it stands in the options word. */
export function packQuorum(quorum: Quorum): number {
  if (typeof quorum === 'number') return quorum;
  if (quorum === 'local-quorum') return ZonedByte.localQuorum | Ask.zoned;
  return quorum === 'each-quorum' ? ZonedByte.eachQuorum | Ask.zoned : quorum.local | Ask.zoned;
}

export const isZoned = (options: number): boolean => (options & Ask.zoned) !== 0;

/** Whether only replicas of the coordinator's zone count. */
export const isLocal = (options: number): boolean => isZoned(options) && quorumOf(options) !== ZonedByte.eachQuorum;

/** Of options that are zoned. */
export function zoneQuorumOf(options: number): ZoneQuorum {
  const byte = quorumOf(options);
  if (byte === ZonedByte.localQuorum) return 'local-quorum';
  return byte === ZonedByte.eachQuorum ? 'each-quorum' : { local: byte };
}

/** Replicas of one host, which is in one zone, that answer such a read together; 0 where no number says so. */
export function replicasOfHost(quorum: number): number {
  if (!isZoned(quorum)) return quorum;
  const byte = quorumOf(quorum);
  return byte < ZonedByte.localQuorum ? byte : 0;
}

export function packOptions(quorum: number, durability: number, flags: number): number {
  return quorum | (durability << 8) | flags;
}

const EPOCH_SHIFT = 16;

/** The options under the epoch of the ring map that they are sent by. */
export const withEpoch = (options: number, epoch: number): number => (options & 0xffff) | (epoch << EPOCH_SHIFT);

/** Whether a request was sent by a ring map older than `epoch`; right for epochs less than 32,768 apart. */
export const isOlderThan = (options: number, epoch: number): boolean =>
  (((options >>> EPOCH_SHIFT) - epoch) << 16) >> 16 < 0;

export const quorumOf = (options: number): number => options & 0xff;
export const askedDurability = (options: number): number => (options >>> 8) & 3;
