/**
 * The notes of a hint keeper: which node lacks something of which partition, where there was no room for hints, or none any
 * more. Anti-entropy sees to them (repair-rounds.ts); a note goes when it has, unless the note was made again meanwhile.
 */
import type { Env } from '../src/actor/env.js';
import { forgetPrivate } from '../src/actor/private-record.js';
import { attempt, type Note, noteKey, pageNotes, putDated } from './hint-records.js';

export class HintNotes {
  /** When each was made last, by the node's clock of 32 bits. */
  readonly #madeAtMs = new Map<number, number>();
  /** Those that had no room in the store yet. */
  readonly #owed = new Set<number>();

  /** Those of the store; an earlier start may have made each up to now. */
  constructor(env: Env) {
    for (const note of pageNotes(env.store, { limit: Number.MAX_SAFE_INTEGER }))
      this.#madeAtMs.set(codeOf(note), env.nowMs());
  }

  get size(): number {
    return this.#madeAtMs.size + this.#owed.size;
  }

  get isOwed(): boolean {
    return this.#owed.size > 0;
  }

  /** Whether the note is in the store now. */
  keep(note: Note, env: Env): boolean {
    const code = codeOf(note);
    const { target, partition } = note;
    const isKept =
      this.#madeAtMs.has(code) || attempt(() => putDated(env.store, noteKey(target, partition), env.wallMs())) === true;
    if (isKept) {
      this.#madeAtMs.set(code, env.nowMs());
      this.#owed.delete(code);
    } else this.#owed.add(code);
    return isKept;
  }

  /** Tries again to keep what had no room. */
  keepOwed(env: Env): void {
    for (const code of [...this.#owed]) this.keep({ target: code >>> 16, partition: code & 0xffff }, env);
  }

  /** The target has what this node held of the partition at this time. */
  repaired(note: Note, heldAtMs: number, env: Env): void {
    const code = codeOf(note);
    const madeAtMs = this.#madeAtMs.get(code);
    // by their ages: a target may be away for longer than half a lap of the clock
    if (madeAtMs === undefined || ageMs(madeAtMs, env) <= ageMs(heldAtMs, env)) return;
    const { target, partition } = note;
    if (attempt(() => forgetPrivate(env.store, noteKey(target, partition))) === true) this.#madeAtMs.delete(code);
  }

  /** Whether any node lacks something of the partition. */
  isAbout(partition: number): boolean {
    for (const codes of [this.#madeAtMs.keys(), this.#owed]) {
      for (const code of codes) if ((code & 0xffff) === partition) return true;
    }
    return false;
  }
}

const ageMs = (sinceMs: number, env: Env): number => (env.nowMs() - sinceMs) >>> 0;

const codeOf = ({ target, partition }: Note): number => ((target << 16) | partition) >>> 0;
