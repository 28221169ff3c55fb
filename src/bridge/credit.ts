/**
 * Credits bound what is under way on a lane: bytes sent minus bytes that the receiver has taken never exceed the window.
 * Both sides count bodies of data and chunk frames, in 32 bits that wrap; the receiver tells its count now and then.
 */

/** The sender's side. */
export class CreditWindow {
  readonly #window: number;
  #sent = 0;
  #taken = 0;

  constructor(windowBytes: number) {
    this.#window = windowBytes;
  }

  /** Bytes sent that the receiver has not taken, as far as it has told. */
  get underWay(): number {
    return (this.#sent - this.#taken) >>> 0;
  }

  allows(bytes: number): boolean {
    return this.underWay + bytes <= this.#window;
  }

  spend(bytes: number): void {
    this.#sent = (this.#sent + bytes) >>> 0;
  }

  /** The receiver has told its count. False: it claims more than was sent. */
  refill(taken: number): boolean {
    if ((taken - this.#taken) >>> 0 > this.underWay) return false;
    this.#taken = taken >>> 0;
    return true;
  }
}

/** The receiver's side. */
export class CreditAccount {
  readonly #window: number;
  #taken = 0;
  #told = 0;

  constructor(windowBytes: number) {
    this.#window = windowBytes;
  }

  /** Counts bytes that have been taken. False: the sender had no credit for them. */
  take(bytes: number): boolean {
    this.#taken = (this.#taken + bytes) >>> 0;
    return this.untold <= this.#window;
  }

  get untold(): number {
    return (this.#taken - this.#told) >>> 0;
  }

  /** Whether it is time to tell the sender. */
  get isDue(): boolean {
    return this.untold >= this.#window >>> 2;
  }

  /** The count to tell. */
  tell(): number {
    this.#told = this.#taken;
    return this.#told;
  }

  /** The count as told last. */
  get told(): number {
    return this.#told;
  }
}
