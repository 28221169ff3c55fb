/** A piece of kvorum under exploration: scenarios that try it, and bugs that these must find when they are planted. */
import { Execution } from './execution.js';
import type { Scenario } from './lab.js';
import { loadRewritten, type Patch } from './load.js';
import { type Failure, type SearchResult, search } from './search.js';

export interface Subject {
  readonly name: string;
  /** The module of the scenarios, by its path in the compiled tree. */
  readonly scenarios: string;
  /** Names of the scenarios that every test run explores as a whole. */
  readonly short: readonly string[];
  /** Those that it explores with a few preemptions; as a whole they take up to a minute. */
  readonly bounded: readonly string[];
  /** Those that take minutes. */
  readonly long: readonly string[];
  /** Modules of the product that are stopped at every step. */
  readonly files: readonly string[];
  /** Constants made small. */
  readonly scale?: readonly Patch[];
  /** Modules of the scenarios in the place of others: what reads memory natively has to read it word by word. */
  readonly standIns?: Readonly<Record<string, string>>;
  readonly globals?: Readonly<Record<string, unknown>>;
  readonly plants: readonly Plant[];
}

/** A bug, and the scenario that finds it. */
export interface Plant {
  readonly name: string;
  readonly scenario: string;
  readonly patches: readonly Patch[];
}

export interface Hunt extends Failure {
  /** Executions, over all searches with one preemption more each. */
  readonly runs: number;
}

/** A planted bug that takes more preemptions, or more executions, is not found. */
const PREEMPTIONS_MAX = 4;
const HUNT_RUNS_MAX = 20_000;

/** An execution of one scenario of the subject, with a bug in it or without. */
export async function prepare(subject: Subject, scenario: string, plant?: Plant): Promise<Execution> {
  const execution = new Execution();
  const scenarios = await loadRewritten(subject.scenarios, {
    machine: execution.machine,
    files: [subject.scenarios, ...subject.files],
    patches: [...(subject.scale ?? []), ...(plant?.patches ?? [])],
    standIns: subject.standIns ?? {},
    // what a subject allocates for itself, no other thread sees
    globals: { SharedArrayBuffer: ArrayBuffer, ...subject.globals },
  });
  execution.use(scenarios[scenario] as Scenario);
  return execution;
}

/** Executions of one exploration at most. */
const RUNS_MAX = 1_000_000;
/** Preemptions of the scenarios that are not explored as a whole. */
export const FEW_PREEMPTIONS = 2;

/** Every interleaving, or every one with so many preemptions at most. */
export async function explore(subject: Subject, scenario: string, preemptions?: number): Promise<SearchResult> {
  const execution = await prepare(subject, scenario);
  return search(execution, preemptions === undefined ? { runsMax: RUNS_MAX } : { preemptions });
}

/** Looks for a planted bug with no preemption, then with one more each time: the first schedule found needs fewest. */
export async function hunt(subject: Subject, plant: Plant): Promise<Hunt | undefined> {
  const execution = await prepare(subject, plant.scenario, plant);
  let runs = 0;
  for (let preemptions = 0; preemptions <= PREEMPTIONS_MAX; preemptions++) {
    const result = search(execution, { preemptions, runsMax: HUNT_RUNS_MAX });
    runs += result.runs;
    if (result.failure === undefined) continue;
    return { runs, ...result.failure };
  }
  return undefined;
}
