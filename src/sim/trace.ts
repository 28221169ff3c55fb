/**
 * The fingerprint of a run: every delivered word and every event goes into one 64-bit hash, so that two runs of one seed
 * can be compared as a whole. Two lanes of the finaliser of MurmurHash3; nothing is kept but the hash and a count.
 */
export class Trace {
  events = 0;
  #low = 0x811c9dc5;
  #high = 0x9747b28c;

  add(...values: readonly number[]): void {
    for (const value of values) this.#word(Math.floor(value * 1024));
    this.events++;
  }

  addWords(words: Int32Array): void {
    for (const word of words) this.#word(word);
    this.events++;
  }

  get hash(): string {
    return [this.#high, this.#low].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  }

  #word(word: number): void {
    this.#low = Math.imul(this.#low ^ word, 0x01000193) ^ (this.#low >>> 15);
    this.#high = (Math.imul(this.#high ^ word, 0xcc9e2d51) + this.#low) | 0;
  }
}
