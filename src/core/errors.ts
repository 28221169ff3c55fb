/**
 * The one error class of kvorum. Callers match on `code`, never on the message; `retryable` says whether the same call
 * may succeed later, `details` carries what a program needs to react. Plain data crosses threads and sockets:
 * `toWire` and `fromWire` are inverse.
 */

/** Every code that kvorum throws, with what it means and whether a retry can help. The README's list is made from it. Append-only. */
export const ERROR_CODES = {
  KV_INVALID_OPTION: { retryable: false, meaning: 'An option is unknown, of the wrong type, or out of its range.' },
  KV_INVALID_KEY: { retryable: false, meaning: 'The key is empty, too long, or neither string nor Uint8Array.' },
  KV_INVALID_VALUE: {
    retryable: false,
    meaning:
      'The value cannot be encoded (undefined, a function, a symbol, a promise, an object with a key __proto__, a map or set that holds itself), or has no JSON form where one is asked for (a cycle).',
  },
  KV_PAIR_TOO_LARGE: { retryable: false, meaning: 'Key and value together exceed pairBytesMax.' },
  KV_INVALID_CONTEXT: { retryable: false, meaning: 'The context is not one that a read of this store returned.' },
  KV_TOO_MANY_SIBLINGS: {
    retryable: false,
    meaning: 'The siblings of the key are, or the write would leave, more than allowed; resolve first.',
  },
  KV_FAILURE_DOMAINS: { retryable: false, meaning: 'N exceeds the number of failure domains.' },
  KV_CLOSED: { retryable: false, meaning: 'The store is closed.' },
  KV_NOT_LOCAL: { retryable: false, meaning: 'getSync cannot answer from local memory; use get.' },
  KV_ABORTED: {
    retryable: false,
    meaning: 'The signal was aborted, or the change of the ring called off. A write may or may not have happened.',
  },
  KV_DEADLINE_EXCEEDED: { retryable: true, meaning: 'The deadline passed. A write may or may not have happened.' },
  KV_OVERLOADED: { retryable: true, meaning: 'A bounded queue is full; nothing was done. Slow down and retry.' },
  KV_WRITE_QUORUM_UNMET: { retryable: true, meaning: 'Fewer than W replicas confirmed; the write is indeterminate.' },
  KV_READ_QUORUM_UNMET: { retryable: true, meaning: 'Fewer than R replicas answered.' },
  KV_UNAVAILABLE: { retryable: true, meaning: 'Too few replicas of the key are up; nothing was done.' },
  KV_NODE_RESTARTED: {
    retryable: true,
    meaning: 'The node restarted with the request in flight; a write is indeterminate.',
  },
  KV_STORAGE_FULL: {
    retryable: true,
    meaning: 'A disk or a size limit is full; the node is read-only until there is room.',
  },
  KV_STORAGE_FAILED: { retryable: true, meaning: 'A write or sync of the log failed; nothing of it was published.' },
  KV_CORRUPT: { retryable: true, meaning: 'A record failed its checksum on this replica; others can still answer.' },
  KV_CLOCK_DRIFT: { retryable: false, meaning: 'The caller’s clock is further ahead than the drift bound allows.' },
  KV_PATH: { retryable: false, meaning: 'The data directory cannot be created, read or written.' },
  KV_IN_USE: { retryable: true, meaning: 'Another process holds the data directory.' },
  KV_WRONG_CLUSTER: { retryable: false, meaning: 'The data directory was made with other cluster options.' },
  KV_FORMAT_TOO_NEW: { retryable: false, meaning: 'The data was written by a newer format; upgrade kvorum.' },
  KV_PROTOCOL: { retryable: false, meaning: 'A peer sent bytes that break the protocol.' },
  KV_RING_CHANGING: { retryable: true, meaning: 'Another change of the ring is under way; one at a time.' },
  KV_TOO_MANY_HANDLES: { retryable: true, meaning: 'All seats for attached threads are taken.' },
  KV_STALE_EPOCH: {
    retryable: true,
    meaning: 'The request was routed by a ring map that has been replaced; nothing was done.',
  },
  KV_INTERNAL: { retryable: false, meaning: 'A bug in kvorum: please report it with the message.' },
  KV_PEER_REFUSED: {
    retryable: false,
    meaning: 'Two hosts do not connect: another cluster, options, version, clock, range or proof.',
  },
  KV_PEER_UNREACHABLE: { retryable: true, meaning: 'No host of the cluster answers at the address.' },
  KV_DRAINING: { retryable: true, meaning: 'The process is about to stop and takes no more writes; nothing was done.' },
  KV_RING_TOO_LARGE: {
    retryable: false,
    meaning: 'The change would make the ring larger than hosts can tell each other; nothing was done.',
  },
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;
export type ErrorDetails = Readonly<Record<string, string | number | boolean>>;

/** An error as plain data: what crosses threads, sockets and `--json`. */
export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details?: ErrorDetails;
}

/** Thrown by every public call that fails; match on `code`. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.retryable = ERROR_CODES[code].retryable;
    this.details = details;
  }

  toWire(): WireError {
    return { code: this.code, message: this.message, details: this.details };
  }

  static fromWire(wire: WireError): StoreError {
    const known = Object.hasOwn(ERROR_CODES, wire.code);
    return known
      ? new StoreError(wire.code, wire.message, wire.details)
      : new StoreError('KV_INTERNAL', `unknown error code ${wire.code}: ${wire.message}`);
  }
}

/** Turns anything thrown into a StoreError; what is not one becomes KV_INTERNAL with the original as its cause. */
export function asStoreError(thrown: unknown): StoreError {
  if (thrown instanceof StoreError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new StoreError('KV_INTERNAL', message, {}, thrown);
}

/** States what must never be false; stays on in production. @throws StoreError KV_INTERNAL */
export function assert(condition: boolean, claim: string): asserts condition {
  if (!condition) throw new StoreError('KV_INTERNAL', `broken invariant: ${claim}`);
}
