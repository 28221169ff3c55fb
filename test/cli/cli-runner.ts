/**
 * Runs the compiled command line as child processes, as a shell would, on a small store in a temporary folder. Every
 * process that is still there when a test ends is stopped by its id.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';

export const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  /** It runs beside another command of its test, at once. */
  readonly beside?: boolean;
}

/** A store small enough for a test, and patient with a slow machine, as environment variables. */
const SMALL = {
  KVORUM_PARTITIONS: '16',
  KVORUM_MEMORY: '12m',
  KVORUM_DEADLINE_MS: '60000',
  KVORUM_RESP: '127.0.0.1:0',
};

/** Commands of a test file that run at the same time; its tests begin together, and each command is many threads. */
const AT_ONCE = 2;

/** Turns at running a command, in the order in which they were asked for. */
class Turns {
  readonly #waiting: (() => void)[] = [];
  #free = AT_ONCE;

  async take(): Promise<void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  give(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}

const turns = new Turns();

/** One test's data directory and the command lines that run on it. */
export class Cli {
  readonly #running = new Set<ChildProcess>();

  private constructor(
    readonly folder: string,
    readonly path: string,
    readonly nodes: number,
  ) {}

  /** `nodes`: of a store that is made; each costs every command a tenth of a second. */
  static async create(t: ExecutionContext, nodes = 1): Promise<Cli> {
    const folder = await mkdtemp(join(tmpdir(), 'kvorum-cli-'));
    const cli = new Cli(folder, join(folder, 'data'), nodes);
    t.teardown(async () => {
      await cli.#stopAll();
      await rm(folder, { recursive: true, force: true });
    });
    return cli;
  }

  /** Runs one command to its end. */
  async run(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
    if (options.beside === true) return this.#finish(args, options);
    await turns.take();
    try {
      return await this.#finish(args, options);
    } finally {
      turns.give();
    }
  }

  async #finish(args: readonly string[], { input, env = {} }: RunOptions): Promise<Finished> {
    const child = this.start(args, env);
    const output = collect(child);
    child.stdin?.on('error', () => {});
    child.stdin?.end(input ?? '');
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, ...output };
  }

  /** Runs a command that a test builds upon: anything but exit code 0 is an error that shows what it said. */
  async must(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
    const finished = await this.run(args, options);
    if (finished.code !== 0) throw new Error(`${args[0]}: exit code ${finished.code}: ${finished.stderr}`);
    return finished;
  }

  /** The same, its standard output parsed as one JSON value a line. */
  async json(args: readonly string[], options: RunOptions = {}): Promise<Record<string, unknown>[]> {
    const { code, stdout, stderr } = await this.run([...args, '--json'], options);
    if (code !== 0) throw new Error(`exit code ${code}: ${stderr}`);
    return stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** Starts a server and waits for its ready line; `--json`, unless told otherwise. */
  async serve(args: readonly string[] = ['--json'], env: Readonly<Record<string, string>> = {}): Promise<Server> {
    const child = this.start(['serve', ...args], env);
    const output = collect(child);
    const isReady = () =>
      args.includes('--json') ? output.stdout.includes('\n') : output.stdout.includes('durability');
    while (!isReady()) {
      if (child.exitCode !== null) throw new Error(`serve ended with ${child.exitCode}: ${output.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return new Server(child, output);
  }

  start(args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
    const child = spawn(process.execPath, [MAIN, ...args], {
      cwd: this.folder,
      env: { PATH: process.env.PATH, KVORUM_PATH: this.path, KVORUM_NODES: `${this.nodes}`, ...SMALL, ...env },
    });
    this.#running.add(child);
    child.once('close', () => this.#running.delete(child));
    return child;
  }

  async #stopAll(): Promise<void> {
    for (const child of this.#running) {
      child.kill('SIGKILL');
      await once(child, 'close');
    }
  }
}

/** A running `kvorum serve`. */
export class Server {
  constructor(
    readonly child: ChildProcess,
    readonly output: { readonly stdout: string; readonly stderr: string },
  ) {}

  get ready(): Record<string, unknown> {
    return JSON.parse(this.output.stdout.split('\n')[0]) as Record<string, unknown>;
  }

  /** Sends a signal and waits for the end; answers the exit code. */
  async stop(signal: 'SIGTERM' | 'SIGINT' = 'SIGTERM'): Promise<number | null> {
    const closed = once(this.child, 'close');
    this.child.kill(signal);
    const [code] = (await closed) as [number | null];
    return code;
  }
}

function collect(child: ChildProcess): { stdout: string; stderr: string } {
  const output = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
  });
  return output;
}
