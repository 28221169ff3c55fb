/**
 * Bulk load: lines in, batches out, several in flight, in bounded memory. A batch that the store refuses for what one
 * of its pairs is (too large, say) is written again pair by pair, so that the bad line can be named; one that fails
 * for a reason that passes (an overload) is tried again after a pause. Puts repeat safely, so a retry does no harm.
 */
import { StoreError } from '../core/errors.js';
import { CliError } from './exit-codes.js';
import type { Line } from './ndjson.js';
import { parsePair } from './pair-line.js';
import { formatNumber } from './quantities.js';
import { withRetries } from './retries.js';
import type { PairToWrite, StoreAccess } from './store-access.js';

export interface LoadOptions {
  /** `stop` ends at the first bad line; pairs before and beside it may have been written. */
  readonly onError: 'stop' | 'skip';
  readonly batchPairs?: number;
  readonly batchBytes?: number;
  readonly inFlightMax?: number;
  readonly onBadLine: (bad: BadLine) => void;
  readonly onProgress: (bytes: number, count: number) => void;
}

export interface BadLine {
  readonly line: number;
  readonly fault: string;
}

export interface LoadTotals {
  readonly loaded: number;
  readonly skipped: number;
  readonly bytes: number;
}

interface NumberedPair {
  readonly line: number;
  readonly pair: PairToWrite;
}

/** Store errors that one pair is to blame for. */
const PAIR_ERRORS: ReadonlySet<string> = new Set(['KV_PAIR_TOO_LARGE', 'KV_INVALID_KEY', 'KV_INVALID_VALUE']);

/**
 * Loads every line into the store.
 * @throws CliError KV_INPUT at the first bad line under `stop`; StoreError when a batch fails for good
 */
export async function loadLines(
  access: StoreAccess,
  lines: AsyncIterable<Line[]>,
  options: LoadOptions,
): Promise<LoadTotals> {
  const loader = new Loader(access, options);
  try {
    for await (const chunk of lines) {
      for (const line of chunk) await loader.add(line);
    }
    return await loader.finish();
  } catch (thrown) {
    const { loaded } = await loader.abandon();
    if (!(thrown instanceof BadLineError)) throw thrown;
    const { line, fault } = thrown.bad;
    throw new CliError('KV_INPUT', `line ${line}: ${fault} (${formatNumber(loaded, 'pair')} loaded before)`, {
      line,
      loaded,
    });
  }
}

/** Under `stop`: the line that ends the load. */
class BadLineError extends Error {
  constructor(readonly bad: BadLine) {
    super(bad.fault);
  }
}

class Loader {
  readonly #batchPairs: number;
  readonly #batchBytes: number;
  readonly #inFlightMax: number;
  #batch: NumberedPair[] = [];
  #bytesOfBatch = 0;
  #inFlight = new Set<Promise<void>>();
  /** Keys of what is in flight, as text. */
  readonly #keysInFlight = new Set<string>();
  #failure: { readonly thrown: unknown } | undefined;
  #loaded = 0;
  #skipped = 0;
  #bytes = 0;

  constructor(
    private readonly access: StoreAccess,
    private readonly options: LoadOptions,
  ) {
    this.#batchPairs = options.batchPairs ?? 256;
    this.#batchBytes = options.batchBytes ?? 256 * 1024;
    this.#inFlightMax = options.inFlightMax ?? 8;
  }

  async add(line: Line): Promise<void> {
    this.#bytes += line.bytes;
    const parsed = 'fault' in line ? line : parsePair(line.text);
    if ('fault' in parsed) {
      await this.#bad({ line: line.number, fault: parsed.fault });
      return;
    }
    const isFull = this.#batch.length >= this.#batchPairs || this.#bytesOfBatch + line.bytes > this.#batchBytes;
    if (isFull && this.#batch.length > 0) await this.#send();
    this.#batch.push({ line: line.number, pair: parsed.pair });
    this.#bytesOfBatch += line.bytes;
  }

  async finish(): Promise<LoadTotals> {
    if (this.#batch.length > 0) await this.#send();
    const totals = await this.abandon();
    this.#rethrow();
    return totals;
  }

  /** Waits for what is in flight and starts nothing more. */
  async abandon(): Promise<LoadTotals> {
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight);
    return { loaded: this.#loaded, skipped: this.#skipped, bytes: this.#bytes };
  }

  /**
   * Starts the batch; waits while as many as allowed are in flight, or one that has a key of it: what is refused is written
   * again, and must not come behind a later line.
   */
  async #send(): Promise<void> {
    this.#rethrow();
    const keys = this.#batch.map(({ pair }) => keyOf(pair));
    const mustWait = () => this.#inFlight.size >= this.#inFlightMax || keys.some((key) => this.#keysInFlight.has(key));
    while (mustWait()) await Promise.race(this.#inFlight);
    for (const key of keys) this.#keysInFlight.add(key);
    const batch = this.#batch;
    this.#batch = [];
    this.#bytesOfBatch = 0;
    const run = this.#write(batch)
      .catch((thrown: unknown) => {
        this.#failure ??= { thrown };
      })
      .finally(() => {
        this.#inFlight.delete(run);
        for (const key of keys) this.#keysInFlight.delete(key);
        this.options.onProgress(this.#bytes, this.#loaded);
      });
    this.#inFlight.add(run);
  }

  async #write(batch: readonly NumberedPair[]): Promise<void> {
    try {
      await withRetries(() => this.access.load(batch.map(({ pair }) => pair)));
      this.#loaded += batch.length;
    } catch (thrown) {
      if (!(thrown instanceof StoreError) || !PAIR_ERRORS.has(thrown.code)) throw thrown;
      const only = batch.length === 1 ? batch[0] : undefined;
      if (only) await this.#refused(only, thrown);
      else for (const one of batch) await this.#write([one]);
    }
  }

  async #refused({ line }: NumberedPair, error: StoreError): Promise<void> {
    const bad = { line, fault: `${error.code}: ${error.message}` };
    if (this.options.onError === 'stop') throw new BadLineError(bad);
    this.#skip(bad);
  }

  async #bad(bad: BadLine): Promise<void> {
    if (this.options.onError === 'skip') {
      this.#skip(bad);
      return;
    }
    await this.finish();
    throw new BadLineError(bad);
  }

  #skip(bad: BadLine): void {
    this.#skipped += 1;
    this.options.onBadLine(bad);
  }

  #rethrow(): void {
    if (this.#failure) throw this.#failure.thrown;
  }
}

/** The same for a key and for its base64; where bytes are no UTF-8, perhaps for others too. */
function keyOf(pair: PairToWrite): string {
  return 'key' in pair ? pair.key : Buffer.from(pair.keyBase64, 'base64').toString();
}
