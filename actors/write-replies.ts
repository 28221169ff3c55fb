/** What a coordinator tells the clients of its writes: each how it ended, those of a batch in runs that ended alike. */
import type { Env } from '../src/actor/env.js';
import type { ErrorCode } from '../src/core/errors.js';
import { WroteMany } from '../src/protocol/batch-messages.js';
import type { MessageView } from '../src/protocol/header.js';
import { Kind, Written } from '../src/protocol/messages.js';
import { failure } from '../src/protocol/outcome.js';
import type { WriteTable } from './write-table.js';

/** How members of a batch ended; the clock's low and high word. */
interface RunEnd {
  readonly outcome: number;
  readonly detail: number;
  readonly clockLow: number;
  readonly clockHigh: number;
}

/** Members of a batch that ended alike, one behind the other, gathered into as few messages as can be. */
export class Runs {
  readonly #to: number;
  readonly #request: number;
  readonly #env: Env;
  #first = 0;
  #count = 0;
  #outcome = 0;
  #detail = 0;
  #clockLow = 0;
  #clockHigh = 0;

  constructor(to: number, request: number, env: Env) {
    this.#to = to;
    this.#request = request;
    this.#env = env;
  }

  /** The clock of a run is that of its last member. */
  add(member: number, outcome: number, detail: number, clockLow: number, clockHigh: number): void {
    const follows = this.#count > 0 && member === this.#first + this.#count;
    if (!follows || outcome !== this.#outcome || detail !== this.#detail) {
      this.send();
      this.#first = member;
      this.#outcome = outcome;
      this.#detail = detail;
    }
    this.#count++;
    this.#clockLow = clockLow;
    this.#clockHigh = clockHigh;
  }

  /** Sends the run that was gathered last. */
  send(): void {
    if (this.#count === 0) return;
    this.#open(this.#first, this.#count, {
      outcome: this.#outcome,
      detail: this.#detail,
      clockLow: this.#clockLow,
      clockHigh: this.#clockHigh,
    });
    this.#count = 0;
  }

  /** Every member ended so. */
  refuseAll(code: ErrorCode): void {
    this.#open(0, 0, { outcome: failure(code), detail: 0, clockLow: 0, clockHigh: 0 });
  }

  #open(first: number, count: number, end: RunEnd): void {
    const out = this.#env.open(Kind.wroteMany, this.#to, this.#request, WroteMany.end * 4);
    if (out === undefined) return;
    const { words, at } = out;
    words[at + Written.outcome] = end.outcome;
    words[at + Written.detail] = end.detail;
    words[at + Written.clock] = end.clockLow;
    words[at + Written.clock + 1] = end.clockHigh;
    words[at + WroteMany.first] = first;
    words[at + WroteMany.count] = count;
  }
}

/** How the write of this slot ended, or all of its group that were not set apart. */
export function reply(env: Env, table: WriteTable, slot: number, outcome: number, detail: number): void {
  const clockLow = table.clock[slot * 2];
  const clockHigh = table.clock[slot * 2 + 1];
  const group = table.groups[slot];
  if (group !== undefined || table.member[slot] >= 0) {
    const runs = new Runs(table.client[slot], table.request[slot], env);
    if (group === undefined) runs.add(table.member[slot], outcome, detail, clockLow, clockHigh);
    else {
      for (let record = 0; record < group.count; record++) {
        if (!group.apart.has(record)) runs.add(group.members[record], outcome, detail, clockLow, clockHigh);
      }
    }
    runs.send();
    return;
  }
  const out = env.open(Kind.written, table.client[slot], table.request[slot], Written.end * 4);
  if (out === undefined) return;
  out.words[out.at + Written.outcome] = outcome;
  out.words[out.at + Written.detail] = detail;
  out.words[out.at + Written.clock] = clockLow;
  out.words[out.at + Written.clock + 1] = clockHigh;
}

/** Nothing was done of the write in this message. */
export function refuse(env: Env, message: MessageView, code: ErrorCode, detail: number): void {
  const out = env.open(Kind.written, message.from, message.request, Written.end * 4);
  if (out === undefined) return;
  out.words[out.at + Written.outcome] = failure(code);
  out.words[out.at + Written.detail] = detail;
  out.words[out.at + Written.clock] = 0;
  out.words[out.at + Written.clock + 1] = 0;
}
