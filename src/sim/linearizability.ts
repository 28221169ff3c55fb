/**
 * Whether the history of a register is linearizable: whether every operation can be given one point between its call and
 * its return such that each read returns the last value written before it (Herlihy and Wing 1990). The search is that of
 * Wing and Gong (1993) with Lowe's memo of the configurations already seen ("Testing for linearizability", 2017):
 *
 *   walk the calls and returns in order of time; a call that fits the register's value is taken out together with its
 *   return, and the walk begins anew; the return of an operation that was not taken out means: go back
 *
 * A write with an unknown outcome has no return: it may take effect at any time behind its call, or never. Keys are
 * independent (locality), so that a history of many keys is checked key by key (history.ts).
 */

export interface RegisterOperation {
  readonly kind: 'write' | 'read';
  /** What was written, or read; null where the register is empty. */
  readonly value: string | null;
  readonly callNs: number;
  /** Infinity for a write with an unknown outcome. */
  readonly returnNs: number;
}

export type RegisterVerdict =
  | { readonly linearizable: true; readonly configurations: number }
  | {
      readonly linearizable: false;
      readonly configurations: number;
      /** Of the longest order found, the operation that fits nowhere behind it, as an index into the history. */
      readonly stuckAt: number;
      /** That order, as indices into the history. */
      readonly order: readonly number[];
    };

/** Checks a register that begins empty. Exponential at worst in the operations that overlap; linear where few do. */
export function checkRegister(history: readonly RegisterOperation[]): RegisterVerdict {
  return new Search(history).run();
}

interface Step {
  readonly operation: number;
  readonly value: number;
}

const HEAD = 0;

class Search {
  /** Operations that matter, by index into the history. */
  readonly #operations: readonly number[];
  readonly #isWrite: readonly boolean[];
  /** Values as small numbers; 0 is the empty register. */
  readonly #values: readonly number[];
  /** Calls and returns in order of time as a linked list: entry 0 is its head. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #operationOf: Int32Array;
  readonly #callOf: Int32Array;
  readonly #returnOf: Int32Array;
  /** Operations taken out, one bit each, and what was seen with them. */
  readonly #taken: Uint32Array;
  readonly #seen = new Map<number, { readonly taken: Uint32Array; readonly value: number }[]>();
  #configurations = 0;
  /** Operations that have returned and are not taken out. */
  #left: number;

  constructor(history: readonly RegisterOperation[]) {
    this.#operations = relevant(history);
    const chosen = this.#operations.map((index) => history[index]);
    const names = new Map<string | null, number>([[null, 0]]);
    for (const { value } of chosen) if (!names.has(value)) names.set(value, names.size);
    this.#values = chosen.map(({ value }) => names.get(value) as number);
    this.#isWrite = chosen.map(({ kind }) => kind === 'write');
    const entries = sortedEntries(chosen);
    this.#next = new Int32Array(entries.length + 1).map((_, i) => (i < entries.length ? i + 1 : -1));
    this.#previous = new Int32Array(entries.length + 1).map((_, i) => i - 1);
    this.#operationOf = new Int32Array(entries.length + 1).fill(-1);
    this.#callOf = new Int32Array(chosen.length);
    this.#returnOf = new Int32Array(chosen.length).fill(-1);
    for (const [i, { operation, isCall }] of entries.entries()) {
      this.#operationOf[i + 1] = operation;
      (isCall ? this.#callOf : this.#returnOf)[operation] = i + 1;
    }
    this.#taken = new Uint32Array((chosen.length + 31) >>> 5);
    this.#left = entries.length - chosen.length;
  }

  run(): RegisterVerdict {
    const steps: Step[] = [];
    let value = 0;
    let longest: readonly Step[] = [];
    let stuckAt = -1;
    let entry = this.#next[HEAD];
    while (this.#left > 0) {
      const operation = this.#operationOf[entry];
      const isCall = this.#callOf[operation] === entry;
      if (isCall) {
        const after = this.#isWrite[operation] ? this.#values[operation] : value;
        if (after === this.#values[operation] && this.#takeOut(operation, after)) {
          steps.push({ operation, value });
          value = after;
          entry = this.#next[HEAD];
        } else entry = this.#next[entry];
        continue;
      }
      if (stuckAt < 0 || steps.length > longest.length) {
        longest = [...steps];
        stuckAt = operation;
      }
      const last = steps.pop();
      if (last === undefined) return this.#failed(longest, stuckAt);
      this.#putBack(last.operation);
      value = last.value;
      entry = this.#next[this.#callOf[last.operation]];
    }
    return { linearizable: true, configurations: this.#configurations };
  }

  #failed(longest: readonly Step[], stuckAt: number): RegisterVerdict {
    return {
      linearizable: false,
      configurations: this.#configurations,
      stuckAt: this.#operations[stuckAt],
      order: longest.map(({ operation }) => this.#operations[operation]),
    };
  }

  /** Takes an operation out, unless that leads to where the search has been. */
  #takeOut(operation: number, value: number): boolean {
    this.#taken[operation >>> 5] ^= 1 << (operation & 31);
    if (!this.#isNew(value)) {
      this.#taken[operation >>> 5] ^= 1 << (operation & 31);
      return false;
    }
    this.#unlink(this.#callOf[operation]);
    if (this.#returnOf[operation] < 0) return true;
    this.#unlink(this.#returnOf[operation]);
    this.#left--;
    return true;
  }

  #putBack(operation: number): void {
    this.#taken[operation >>> 5] ^= 1 << (operation & 31);
    if (this.#returnOf[operation] >= 0) {
      this.#link(this.#returnOf[operation]);
      this.#left++;
    }
    this.#link(this.#callOf[operation]);
  }

  #isNew(value: number): boolean {
    let hash = value;
    for (const word of this.#taken) hash = Math.imul(hash ^ word ^ (hash >>> 15), 0x9e3779b1);
    const bucket = this.#seen.get(hash) ?? [];
    if (bucket.some((seen) => seen.value === value && seen.taken.every((word, i) => word === this.#taken[i])))
      return false;
    bucket.push({ taken: this.#taken.slice(), value });
    this.#seen.set(hash, bucket);
    this.#configurations++;
    return true;
  }

  #unlink(entry: number): void {
    this.#next[this.#previous[entry]] = this.#next[entry];
    if (this.#next[entry] >= 0) this.#previous[this.#next[entry]] = this.#previous[entry];
  }

  #link(entry: number): void {
    this.#next[this.#previous[entry]] = entry;
    if (this.#next[entry] >= 0) this.#previous[this.#next[entry]] = entry;
  }
}

/** Leaves out writes of unknown outcome whose value nobody read: an order with them is one without them too. */
function relevant(history: readonly RegisterOperation[]): number[] {
  const read = new Set(history.filter(({ kind }) => kind === 'read').map(({ value }) => value));
  return [...history.keys()].filter((index) => {
    const { kind, value, returnNs } = history[index];
    return returnNs !== Number.POSITIVE_INFINITY || (kind === 'write' && read.has(value));
  });
}

interface Entry {
  readonly operation: number;
  readonly isCall: boolean;
  readonly atNs: number;
}

/** Calls and returns in order of time; at one time calls come first, so that such operations overlap. */
function sortedEntries(operations: readonly RegisterOperation[]): Entry[] {
  const entries = operations.flatMap(({ callNs, returnNs }, operation): Entry[] => {
    const call = { operation, isCall: true, atNs: callNs };
    return returnNs === Number.POSITIVE_INFINITY ? [call] : [call, { operation, isCall: false, atNs: returnNs }];
  });
  return entries.sort((a, b) => a.atNs - b.atNs || Number(b.isCall) - Number(a.isCall));
}
