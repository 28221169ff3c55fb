/**
 * What a load has been promised, and what reads may therefore show.
 *
 *   key k:  1 acknowledged   2 deadline   3 refused   4 acknowledged   5 quorum unmet   6 under way
 *                                                     ^ settled        ^ indeterminate  ^ attempted
 *   a read that begins now may show 4, 5 or 6; anything else is lost, undone or invented
 *
 * The operations on a key are numbered and one follows the other, so "later" is known. Every seventh deletes the key.
 */
import { type ErrorCode, StoreError } from '../../../src/index.js';

/** The documentation promises that nothing was done: an error of these, and the write must never show. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set(['KV_UNAVAILABLE', 'KV_OVERLOADED', 'KV_STALE_EPOCH']);
/** Failures that no fault of the schedule explains. */
const NEVER: ReadonlySet<ErrorCode> = new Set(['KV_INTERNAL', 'KV_CORRUPT', 'KV_STORAGE_FULL']);

export const isDelete = (number: number): boolean => number % 7 === 0;

interface Account {
  /** The last acknowledged operation. */
  settled: number;
  attempted: number;
  /** Numbers behind the settled one that were refused. */
  readonly refused: Set<number>;
}

export class Ledger {
  acknowledged = 0;
  indeterminate = 0;
  refused = 0;
  readonly violations: string[] = [];
  readonly failures: Record<string, number> = {};
  readonly #accounts = new Map<string, Account>();

  /** The number of the key's next operation. */
  begin(key: string): number {
    return ++this.#of(key).attempted;
  }

  acknowledge(key: string, number: number): void {
    this.acknowledged++;
    const account = this.#of(key);
    account.settled = number;
    account.refused.clear();
  }

  /** Takes the error of a write; in a call for several keys a refusal of one says nothing about the others. */
  fail(key: string, number: number, error: unknown, { alone = true } = {}): void {
    const code = this.count(error);
    if (alone && code !== undefined && REFUSALS.has(code)) {
      this.refused++;
      this.#of(key).refused.add(number);
    } else {
      this.indeterminate++;
    }
  }

  /** Counts the error of any call; its code, where it has one. */
  count(error: unknown): ErrorCode | undefined {
    const code = error instanceof StoreError ? error.code : undefined;
    if (code === undefined || NEVER.has(code)) this.violations.push(`a call failed: ${String(error)}`);
    const name = code ?? 'strange';
    this.failures[name] = (this.failures[name] ?? 0) + 1;
    return code;
  }

  /** What a read that begins now may show at least; `check` takes it back when the read has ended. */
  settled(key: string): number {
    return this.#of(key).settled;
  }

  /** `shown` is the number that was read, or undefined for an absent key. */
  check(key: string, shown: number | undefined, since: number, when: string): void {
    const { attempted, refused } = this.#of(key);
    if (shown === undefined) {
      for (let number = since; number <= attempted; number++) {
        if (isDelete(number) && !refused.has(number)) return;
      }
    } else if (shown >= since && shown <= attempted && !isDelete(shown) && !refused.has(shown)) {
      return;
    }
    const what =
      shown === undefined ? 'nothing' : `operation ${shown}${refused.has(shown) ? ', which was refused,' : ''}`;
    this.violations.push(`${when}: ${key} shows ${what}; ${since} is acknowledged, ${attempted} attempted`);
  }

  get keys(): string[] {
    return [...this.#accounts.keys()];
  }

  #of(key: string): Account {
    let account = this.#accounts.get(key);
    if (account === undefined) {
      account = { settled: 0, attempted: 0, refused: new Set() };
      this.#accounts.set(key, account);
    }
    return account;
  }
}
