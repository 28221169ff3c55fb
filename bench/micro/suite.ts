/**
 * Micro-benches: one `*.bench.ts` a source file, mirroring its folder, each exporting a `suite`. They are found by
 * their names, so none can be forgotten; tinybench measures them, and `durationMs` 0 runs each case once instead.
 */
import { readdir } from 'node:fs/promises';
import { relative, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Bench } from 'tinybench';
import { compare, interleave, median } from '../harness/interleave.js';
import { formatCount, type Result } from '../harness/report.js';

export interface MicroCase {
  readonly name: string;
  /** Operations that one call of `run` does; its rate counts them. Default 1. */
  readonly operations?: number;
  /** Does the work, and throws when the result is wrong. */
  run(): void | Promise<void>;
  /** Other ways to do the same, measured beside it in interleaved rounds. */
  readonly peers?: readonly MicroCase[];
}

/** Opens what the cases need; `close` releases it. */
export interface MicroSuite {
  open(): Promise<OpenedSuite> | OpenedSuite;
}

export interface OpenedSuite {
  readonly cases: readonly MicroCase[];
  close?(): Promise<void> | void;
}

export interface FoundSuite {
  /** Where its source stands, as `core/ring`. */
  readonly name: string;
  readonly suite: MicroSuite;
}

export interface MicroOptions {
  /** Milliseconds for each case; 0 runs each once. */
  readonly durationMs: number;
  readonly wants: (id: string) => boolean;
  readonly progress: (line: string) => void;
}

const SUFFIX = '.bench.js';
const ROUNDS = 5;

/** Runs the wanted cases; an id is `micro.core/ring.<case>`. Rejects when a case throws. */
export async function runMicroSuite(options: MicroOptions): Promise<Result[]> {
  const results: Result[] = [];
  for (const { name, suite } of await findMicroSuites()) {
    const opened = await suite.open();
    try {
      for (const one of opened.cases) {
        const id = `micro.${name}.${one.name}`;
        if (!options.wants(id)) continue;
        const result = await measure(id, one, options.durationMs);
        results.push(result);
        options.progress(`${id}  ${formatCount(result.ours)}/s`);
      }
    } finally {
      await opened.close?.();
    }
  }
  return results;
}

/** Every suite under `bench/`, by name. Throws when a bench file exports none. */
export async function findMicroSuites(): Promise<FoundSuite[]> {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const files = (await readdir(root, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && entry.name.endsWith(SUFFIX))
    .map((entry) => `${entry.parentPath}${sep}${entry.name}`)
    .sort();
  return Promise.all(
    files.map(async (file) => {
      const loaded: { suite?: MicroSuite } = await import(pathToFileURL(file).href);
      const name = relative(root, file).slice(0, -SUFFIX.length).replaceAll(sep, '/');
      if (loaded.suite === undefined) throw new Error(`${name}.bench.ts exports no suite`);
      return { name, suite: loaded.suite };
    }),
  );
}

/** Interleaves the case with its peers; a case without any is one round by itself. */
async function measure(id: string, one: MicroCase, durationMs: number): Promise<Result> {
  const { peers: others = [] } = one;
  const rounds = others.length === 0 || durationMs === 0 ? 1 : ROUNDS;
  const contestants = [one, ...others].map((each) => ({
    name: each.name,
    slice: () => rateOf(each, durationMs / rounds),
  }));
  const rates = await interleave(contestants, rounds, async () => {});
  const ratesOf = (each: MicroCase): readonly number[] => rates.get(each.name) ?? [];
  const peers: Record<string, number> = {};
  const ratio: Record<string, number> = {};
  for (const other of others) {
    peers[other.name] = median(ratesOf(other));
    ratio[other.name] = compare(ratesOf(one), ratesOf(other)).ratio;
  }
  return { id, ours: median(ratesOf(one)), peers, ratio };
}

async function rateOf(one: MicroCase, durationMs: number): Promise<number> {
  const { operations = 1 } = one;
  if (durationMs === 0) {
    const startMs = performance.now();
    await one.run();
    return (operations * 1000) / (performance.now() - startMs);
  }
  const bench = new Bench({ time: durationMs, warmupTime: durationMs / 4, throws: true });
  bench.add(one.name, () => one.run());
  const [task] = await bench.run();
  if (task.result.state !== 'completed') throw new Error(`${one.name} ended as ${task.result.state}`);
  return (operations * 1000) / task.result.latency.mean;
}
