/**
 * The end of a serving process, asked for through its socket: `KVORUM DRAIN` begins it, and each further one answers how far
 * it is, at the latest after a second, so that whoever asked can follow until the process has ended.
 */
import type { DrainProgress, Store } from '../client/types.js';
import { objectOf, parse, wholeNumber } from './admin-json.js';

export interface DrainReport extends DrainProgress {
  /** Whether it is over: with nothing left, or because the time was. */
  readonly ended: boolean;
  /** Whether nothing was left. */
  readonly drained: boolean;
}

const TELL_MS = 1_000;

export class Draining {
  /** Resolves when the store is drained, or as far as it came in its time: the process may stop. */
  readonly ended: Promise<DrainReport>;
  #end: (report: DrainReport) => void = () => undefined;
  #report: DrainReport = { ended: false, drained: false, inFlight: 0, hints: 0, notes: 0 };
  #running: Promise<void> | undefined;

  constructor(private readonly store: Store) {
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** Begins, where it has not begun; how far it is once it is over, or in a second. */
  async follow(waitMs: number | undefined): Promise<DrainReport> {
    this.#running ??= this.#run(waitMs);
    let timer: NodeJS.Timeout | undefined;
    const soon = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, TELL_MS);
    });
    await Promise.race([this.#running, soon]);
    clearTimeout(timer);
    return this.#report;
  }

  async #run(waitMs: number | undefined): Promise<void> {
    const onProgress = (progress: DrainProgress) => {
      this.#report = { ...this.#report, ...progress };
    };
    const { drained } = await this.store.drain({ onProgress, ...(waitMs !== undefined && { waitMs }) });
    this.#report = { ...this.#report, ended: true, drained };
    // whoever follows is answered first: the doors answer what was asked before they close
    setImmediate(() => this.#end(this.#report));
  }
}

/** Reads the JSON of `KVORUM DRAIN`. @throws StoreError KV_INVALID_OPTION */
export function waitFromJson(text: string | Uint8Array): number | undefined {
  const fields = objectOf(parse(text), ['waitMs']);
  return fields.waitMs === undefined ? undefined : wholeNumber(fields, 'waitMs', 0);
}
