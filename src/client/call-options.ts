/** Checks the options of a call and fills in the store's defaults; calls without options share one prepared order. */
import { StoreError } from '../core/errors.js';
import { invalidOption } from '../core/option-check.js';
import type { Durability, Mode } from '../core/options.js';
import type { Quorum } from '../core/zone-quorum.js';
import { durabilityCode, packQuorum } from '../protocol/outcome.js';
import { decodeContext } from './context.js';
import type { PutOptions, ReadOptions, RequestOptions, ScanOptions } from './types.js';
import type { WriteOrder } from './writes.js';

/** The store's defaults for requests. */
export interface RequestDefaults {
  readonly n: number;
  readonly r: number;
  readonly w: number;
  readonly mode: Mode;
  readonly durability: Durability;
  readonly deadlineMs: number;
}

export interface ReadOrder {
  /** As it stands in the options word: see `packQuorum`. */
  readonly r: number;
  readonly monotonic: boolean;
  /** Sloppy quorum: nodes may answer in place of primaries. */
  readonly available: boolean;
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
}

interface LongCallOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: unknown;
}

const MODES: ReadonlySet<Mode> = new Set(['strict', 'available'] as const);
const TTL_MS_MAX = 2 ** 41;
const DEADLINE_MS_MAX = 3_600_000;
const READ_NAMES = new Set(['r', 'monotonic', 'deadlineMs', 'signal', 'mode']);
const WRITE_NAMES = new Set(['w', 'durability', 'context', 'ttlMs', 'deadlineMs', 'signal', 'mode']);
const UPDATE_NAMES = new Set([...READ_NAMES, ...WRITE_NAMES].filter((name) => name !== 'context'));
const SCAN_NAMES = new Set('prefix gt gte lt lte reverse limit r keys values deadlineMs signal mode'.split(' '));

export class CallOptions {
  readonly defaultRead: ReadOrder;
  readonly defaultPut: WriteOrder;
  readonly defaultDelete: WriteOrder;
  /** Replicas of each key. */
  readonly n: number;
  /** Replicas that a read must merge in order to see what most of them confirmed: a majority, or the store's r. */
  readonly quorum: number;
  readonly #defaults: RequestDefaults;

  constructor(defaults: RequestDefaults) {
    this.#defaults = defaults;
    const { n, r, deadlineMs } = defaults;
    this.n = n;
    this.quorum = Math.max(r, Math.floor(n / 2) + 1);
    const available = defaults.mode === 'available';
    this.defaultRead = { r, monotonic: false, available, deadlineMs, signal: undefined };
    const write = {
      w: defaults.w,
      durability: durabilityCode(defaults.durability),
      deadlineMs,
      available,
      expiresAtMs: 0,
      context: undefined,
    };
    this.defaultPut = { ...write, tombstone: false };
    this.defaultDelete = { ...write, tombstone: true };
  }

  /** @throws StoreError KV_INVALID_OPTION, KV_ABORTED */
  read(options: ReadOptions | undefined, names = READ_NAMES): ReadOrder {
    if (options === undefined) return this.defaultRead;
    this.#checkCommon(options, names);
    const { r = this.#defaults.r, monotonic = false, deadlineMs = this.#defaults.deadlineMs, signal } = options;
    const available = this.#isAvailable(options);
    this.#checkQuorum('r', r, available);
    if (typeof monotonic !== 'boolean') throw invalidOption('monotonic', 'monotonic must be true or false');
    if (monotonic && typeof r !== 'number')
      throw invalidOption('monotonic', 'a monotonic read takes a number as r, no zones');
    return { r: packQuorum(r), monotonic, available, deadlineMs, signal };
  }

  /** `keyHash` is the key's that the context must fit. @throws StoreError KV_INVALID_OPTION, KV_INVALID_CONTEXT, KV_ABORTED */
  write(options: PutOptions | undefined, tombstone: boolean, keyHash: number, names = WRITE_NAMES): WriteOrder {
    if (options === undefined) return tombstone ? this.defaultDelete : this.defaultPut;
    this.#checkCommon(options, names);
    const { w = this.#defaults.w, durability = this.#defaults.durability, context, ttlMs } = options;
    const available = this.#isAvailable(options);
    this.#checkQuorum('w', w, available);
    const code = durabilityCode(durability);
    if (code < 0)
      throw invalidOption('durability', `durability must be sync, interval or none, not ${String(durability)}`);
    return {
      w: packQuorum(w),
      durability: code,
      deadlineMs: options.deadlineMs ?? this.#defaults.deadlineMs,
      expiresAtMs: ttlMs === undefined ? 0 : this.expiresAtMs(ttlMs),
      tombstone,
      available,
      context: context === undefined ? undefined : decodeContext(context, keyHash),
    };
  }

  /** Milliseconds since 1970 at which a value of this lifetime expires. @throws StoreError KV_INVALID_OPTION */
  expiresAtMs(ttlMs: number): number {
    if (Number.isFinite(ttlMs) && ttlMs >= 1 && ttlMs <= TTL_MS_MAX) return Date.now() + Math.ceil(ttlMs);
    throw invalidOption('ttlMs', `ttlMs must be a number from 1 to ${TTL_MS_MAX} (ms), not ${String(ttlMs)}`);
  }

  /** @throws StoreError KV_INVALID_OPTION, KV_ABORTED */
  scan(options: ScanOptions): ReadOrder {
    this.#checkCommon(options, SCAN_NAMES);
    const { limit, keys = 'utf8', values = true, reverse = false } = options;
    if (keys !== 'utf8' && keys !== 'bytes')
      throw invalidOption('keys', `keys must be utf8 or bytes, not ${String(keys)}`);
    if (typeof values !== 'boolean') throw invalidOption('values', 'values must be true or false');
    if (typeof reverse !== 'boolean') throw invalidOption('reverse', 'reverse must be true or false');
    if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 0)) {
      throw invalidOption('limit', `limit must be a whole number from 0, not ${String(limit)}`);
    }
    if (typeof options.r === 'object' || typeof options.r === 'string') {
      throw invalidOption('r', 'a scan takes a number as r, no zones');
    }
    return this.read(options, SCAN_NAMES);
  }

  /** Options of `update`: those of a read and of a put together. */
  checkUpdate(options: ReadOptions & PutOptions): void {
    this.#checkCommon(options, UPDATE_NAMES);
  }

  #checkCommon(options: ReadOptions, names: ReadonlySet<string>): void {
    checkNames(options, names);
    const { mode, deadlineMs, signal } = options;
    if (mode !== undefined && !MODES.has(mode)) {
      throw invalidOption('mode', `mode must be strict or available, not ${String(mode)}`);
    }
    if (
      deadlineMs !== undefined &&
      !(Number.isFinite(deadlineMs) && deadlineMs >= 1 && deadlineMs <= DEADLINE_MS_MAX)
    ) {
      throw invalidOption(
        'deadlineMs',
        `deadlineMs must be a number from 1 to ${DEADLINE_MS_MAX} (ms), not ${String(deadlineMs)}`,
      );
    }
    checkSignal(signal);
    if (signal?.aborted === true) throw aborted(signal);
  }

  #isAvailable({ mode = this.#defaults.mode }: RequestOptions): boolean {
    return mode === 'available';
  }

  #checkQuorum(name: 'r' | 'w', quorum: Quorum, available: boolean): void {
    const { n } = this.#defaults;
    const isNumber = (value: unknown): boolean =>
      Number.isInteger(value) && (value as number) >= 1 && (value as number) <= n;
    if (isNumber(quorum)) return;
    const isNamed = quorum === 'local-quorum' || quorum === 'each-quorum';
    const isLocal = typeof quorum === 'object' && quorum !== null && isNumber(quorum.local);
    if (!isNamed && !isLocal) {
      const forms = `a whole number from 1 to ${n} (n), { local: such a number }, 'local-quorum' or 'each-quorum'`;
      throw invalidOption(name, `${name} must be ${forms}, not ${JSON.stringify(quorum) ?? String(quorum)}`);
    }
    if (available) throw invalidOption(name, `${name} by zone counts primaries only: it takes mode 'strict'`);
  }
}

/** Options of a call on the whole store, which takes its time and tells how far it is. @throws StoreError KV_INVALID_OPTION */
export function checkLongCall(options: LongCallOptions, names: ReadonlySet<string>): void {
  checkNames(options, names);
  checkSignal(options.signal);
  const { onProgress } = options;
  if (onProgress !== undefined && typeof onProgress !== 'function')
    throw invalidOption('onProgress', 'onProgress must be a function');
}

/** @throws StoreError KV_INVALID_OPTION */
export function checkNames(options: object, names: ReadonlySet<string>): void {
  if (typeof options !== 'object' || options === null) throw invalidOption('options', 'options must be an object');
  for (const name of Object.keys(options)) {
    if (!names.has(name))
      throw invalidOption(name, `unknown option '${name}'; this call takes ${[...names].join(', ')}`);
  }
}

function checkSignal(signal: AbortSignal | undefined): void {
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw invalidOption('signal', 'signal must be an AbortSignal');
}

export function aborted(signal: AbortSignal): StoreError {
  return new StoreError(
    'KV_ABORTED',
    'the signal was aborted; a write may or may not have happened',
    {},
    signal.reason,
  );
}
