/**
 * Which refusals are worth telling: attempts go on for as long as two hosts do not connect, and an operator wants to hear of
 * it once, again when the reason changes, and now and then as long as it lasts. The counters have every one of them.
 */
import { parseEndpoint } from './host-address.js';

/** A reason that alternates with others is told so often at most. */
const ALTERNATE_MS = 60_000;
/** One that stays is told again after so long. */
const REMIND_MS = 60 * 60_000;
/** Told in a minute at most, whoever knocks from however many addresses. */
const TOLD_MAX = 60;
/** Addresses that are remembered; the one told longest ago is forgotten first. */
const ADDRESSES_MAX = 512;

interface Told {
  readonly last: string;
  /** When each reason was told last, milliseconds. */
  readonly toldMs: ReadonlyMap<string, number>;
}

export class RefusalNews {
  readonly #told = new Map<string, Told>();
  #minuteMs = Number.NEGATIVE_INFINITY;
  #toldInMinute = 0;

  /** Whether this refusal is told. `nowMs`: any clock that never goes back. */
  isNews(address: string, reason: string, nowMs: number): boolean {
    const known = this.#told.get(address);
    const sinceMs = nowMs - (known?.toldMs.get(reason) ?? Number.NEGATIVE_INFINITY);
    if (sinceMs < (known?.last === reason ? REMIND_MS : ALTERNATE_MS) || !this.#hasRoom(nowMs)) return false;
    const recent = [...(known?.toldMs ?? [])].filter(([, toldMs]) => nowMs - toldMs < ALTERNATE_MS);
    this.#told.delete(address);
    this.#told.set(address, { last: reason, toldMs: new Map([...recent, [reason, nowMs]]) });
    const [oldest] = this.#told.keys();
    if (this.#told.size > ADDRESSES_MAX) this.#told.delete(oldest);
    return true;
  }

  #hasRoom(nowMs: number): boolean {
    if (nowMs - this.#minuteMs >= 60_000) {
      this.#minuteMs = nowMs;
      this.#toldInMinute = 0;
    }
    return ++this.#toldInMinute <= TOLD_MAX;
  }

  /** There is a connection to this address: what comes later is news. */
  linked(address: string): void {
    this.#told.delete(address);
  }
}

/** Whoever knocks has another port each time: the machine, of a connection that was accepted. */
export const callerOf = (address: string): string => parseEndpoint(address)?.host ?? address;
