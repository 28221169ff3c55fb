/**
 * The fingerprint of a run: every delivered word and every event goes into one 64-bit hash, so that two runs of one seed
 * can be compared as a whole. Two lanes of the finaliser of MurmurHash3. Lines for people are kept only where asked.
 */
export interface Line {
  readonly atMs: number;
  readonly text: string;
  /** The key that it is about; undefined where it concerns all. */
  readonly key: string | undefined;
}

export class Trace {
  events = 0;
  readonly lines: Line[] = [];
  readonly #keepsLines: boolean;
  #low = 0x811c9dc5;
  #high = 0x9747b28c;

  constructor({ keepsLines = false } = {}) {
    this.#keepsLines = keepsLines;
  }

  add(...values: readonly number[]): void {
    for (const value of values) this.#word(Math.floor(value * 1024));
    this.events++;
  }

  addWords(words: Int32Array): void {
    for (const word of words) this.#word(word);
    this.events++;
  }

  /** A line for people; `text` is called only where lines are kept. */
  note(atMs: number, text: () => string, key?: string): void {
    if (this.#keepsLines) this.lines.push({ atMs, text: text(), key });
  }

  get hash(): string {
    return [this.#high, this.#low].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  }

  #word(word: number): void {
    this.#low = Math.imul(this.#low ^ word, 0x01000193) ^ (this.#low >>> 15);
    this.#high = (Math.imul(this.#high ^ word, 0xcc9e2d51) + this.#low) | 0;
  }
}
