/**
 * One target under one workload: fills it, runs slices of gets or puts against it, and remembers which generation each
 * key must hold, so that every read is checked and every slice of writes is read back.
 */
import { driveLanes, type Lane } from './driver.js';
import { xorshift32 } from './random.js';
import type { KeyValue, Target } from './target.js';
import { type Generation, VALUE_BYTES, type Workload } from './workload.js';

export type Action = 'get' | 'put' | 'getMany' | 'putMany';

export interface SliceOptions {
  readonly action: Action;
  readonly depth: number;
  readonly durationMs: number;
  readonly seed: number;
}

/** While the clock runs, one value in eight is compared byte for byte; afterwards, what was written is read back whole. */
const CHECK_MASK = 7;
const noCheck = (): void => undefined;
const FILL_BATCH = 1_000;
const READ_BACK = 500;

export class Bout {
  readonly target: Target;
  readonly #workload: Workload;
  /** Generation that each key was last written with. */
  readonly #held: Uint8Array;
  readonly #done = new Set<Action>();
  #writes = 0;

  constructor(target: Target, workload: Workload) {
    this.target = target;
    this.#workload = workload;
    this.#held = new Uint8Array(workload.keys.length);
  }

  /** Whether a slice of this action was run. */
  hasDone(action: Action): boolean {
    return this.#done.has(action);
  }

  /** Writes every key in generation 0. */
  fill(): Promise<void> {
    return this.#during('the fill', () => this.#fill());
  }

  /** Runs one slice and answers pairs per second. Throws when a result is not what was written. */
  slice(options: SliceOptions): Promise<number> {
    return this.#during(`${options.action} at depth ${options.depth}`, () => this.#slice(options));
  }

  async #fill(): Promise<void> {
    const { keys, values } = this.#workload;
    for (let start = 0; start < keys.length; start += FILL_BATCH) {
      const pairs: KeyValue[] = [];
      for (let index = start; index < Math.min(keys.length, start + FILL_BATCH); index++)
        pairs.push([keys[index], values[0][index]]);
      await this.target.putMany(pairs);
    }
    this.#held.fill(0);
  }

  async #slice(options: SliceOptions): Promise<number> {
    const { action, depth, durationMs } = options;
    this.#done.add(action);
    const writes = action === 'put' || action === 'putMany';
    const generation: Generation = ++this.#writes % 2 === 1 ? 1 : 0;
    const draw = xorshift32(options.seed);
    const makeLane = () => this.#lane(action, generation, draw);
    const { requests, seconds } = await driveLanes({ depth, durationMs }, makeLane);
    if (writes) await this.#during('reading back', () => this.#readBack(draw));
    const pairsPerRequest = action === 'get' || action === 'put' ? 1 : this.#workload.batches[0].keys.length;
    return (requests * pairsPerRequest) / seconds;
  }

  /** A lane of its own for each loop: it remembers what it asked for. */
  #lane(action: Action, generation: Generation, draw: () => number): Lane {
    const { target } = this;
    const { keys, values, batches } = this.#workload;
    const held = this.#held;
    switch (action) {
      case 'get': {
        let index = 0;
        return {
          send: () => {
            index = draw() % keys.length;
            return target.get(keys[index]);
          },
          check: (value) => {
            if (typeof value !== 'string' || value.length !== VALUE_BYTES) this.#fail(index, value);
            if ((index & CHECK_MASK) === 0 && value !== values[held[index]][index]) this.#fail(index, value);
          },
        };
      }
      case 'put':
        return {
          send: () => {
            const index = draw() % keys.length;
            held[index] = generation;
            return target.put(keys[index], values[generation][index]);
          },
          check: noCheck,
        };
      case 'getMany': {
        let batch = batches[0];
        return {
          send: () => {
            batch = batches[draw() % batches.length];
            return target.getMany(batch.keys);
          },
          check: (got) => this.#check(batch.indices, got, CHECK_MASK),
        };
      }
      case 'putMany':
        return {
          send: () => {
            const batch = batches[draw() % batches.length];
            for (const index of batch.indices) held[index] = generation;
            return target.putMany(batch.pairs[generation]);
          },
          check: noCheck,
        };
    }
  }

  /** Says who failed, and at what. */
  async #during<Result>(what: string, run: () => Promise<Result>): Promise<Result> {
    try {
      return await run();
    } catch (thrown) {
      const message = thrown instanceof Error ? thrown.message : String(thrown);
      throw new Error(`${this.target.name}, ${what}: ${message}`, { cause: thrown });
    }
  }

  async #readBack(draw: () => number): Promise<void> {
    const { keys } = this.#workload;
    const indices = Array.from({ length: Math.min(READ_BACK, keys.length) }, () => draw() % keys.length);
    this.#check(indices, await this.target.getMany(indices.map((index) => keys[index])));
  }

  /** Every value's kind and length; its content where the key's index has none of the bits of `mask`. */
  #check(indices: readonly number[], got: unknown, mask = 0): void {
    if (!Array.isArray(got) || got.length !== indices.length)
      throw new Error(`${this.target.name}: asked for ${indices.length} values, got another number`);
    for (let position = 0; position < indices.length; position++) {
      const index = indices[position];
      const value: unknown = got[position];
      if (typeof value !== 'string' || value.length !== VALUE_BYTES) this.#fail(index, value);
      if ((index & mask) === 0 && value !== this.#workload.values[this.#held[index]][index]) this.#fail(index, value);
    }
  }

  #fail(index: number, got: unknown): never {
    const { keys, values } = this.#workload;
    const wanted = values[this.#held[index]][index];
    throw new Error(`${this.target.name}: ${keys[index]} holds ${String(got)}, not ${wanted}`);
  }
}
