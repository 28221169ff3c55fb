/**
 * Keeps D requests in flight with D independent asynchronous loops (a closed loop: each sends its next request when
 * the last one is answered) and counts what was answered until the last loop has ended.
 *
 * The clock is read once in 16 requests, not by a timer: a synchronous peer never lets the event loop turn.
 */
import { performance } from 'node:perf_hooks';

export interface Load {
  /** Loops, each with one request in flight. */
  readonly depth: number;
  /** Loops start no request after this time; those in flight are waited for and counted. */
  readonly durationMs: number;
  /** Most requests, for runs that must end after a number of them. Default: no bound. */
  readonly requestsMax?: number;
}

export interface Driven {
  readonly requests: number;
  readonly seconds: number;
}

const CLOCK_EVERY = 16;

/** One loop's requests: `send` starts one, `check` looks at its answer. One await a request, for all contestants alike. */
export interface Lane {
  send(): unknown;
  check(answer: unknown): void;
}

/** Drives lanes under the load. Rejects with what the first failing one threw, after the other loops have ended. */
export async function driveLanes(load: Load, makeLane: () => Lane): Promise<Driven> {
  const { depth, durationMs, requestsMax = Number.POSITIVE_INFINITY } = load;
  const startMs = performance.now();
  const endMs = startMs + durationMs;
  let started = 0;
  let answered = 0;
  let stopped = false;

  const mayStart = (): boolean => {
    if (stopped || started >= requestsMax) return false;
    if (started % CLOCK_EVERY === CLOCK_EVERY - 1 && performance.now() >= endMs) stopped = true;
    return !stopped;
  };
  const loop = async (): Promise<void> => {
    const lane = makeLane();
    while (mayStart()) {
      started++;
      lane.check(await lane.send());
      answered++;
    }
  };
  const stopAll = (thrown: unknown): never => {
    stopped = true;
    throw thrown;
  };

  const loops: Promise<void>[] = [];
  for (let index = 0; index < depth; index++) loops.push(loop().catch(stopAll));
  const ends = await Promise.allSettled(loops);
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return { requests: answered, seconds: (performance.now() - startMs) / 1000 };
}

/** Drives lanes that all send by `step` and take whatever comes. */
export function drive(load: Load, step: () => unknown): Promise<Driven> {
  return driveLanes(load, () => ({ send: step, check: () => undefined }));
}
