/**
 * Timers of the actors of one thread: a binary heap by due time. Tokens mean what the actor wants them to mean.
 */

interface Entry {
  readonly dueMs: number;
  readonly address: number;
  readonly token: number;
}

export class Timers {
  readonly #heap: Entry[] = [];

  /** Times in milliseconds of a clock that does not wrap. */
  add(dueMs: number, address: number, token: number): void {
    const heap = this.#heap;
    heap.push({ dueMs, address, token });
    let child = heap.length - 1;
    while (child > 0) {
      const parent = (child - 1) >>> 1;
      if (heap[parent].dueMs <= heap[child].dueMs) break;
      [heap[parent], heap[child]] = [heap[child], heap[parent]];
      child = parent;
    }
  }

  get size(): number {
    return this.#heap.length;
  }

  /** Milliseconds until the first is due; Infinity when there is none. */
  untilNextMs(nowMs: number): number {
    return this.#heap.length === 0 ? Number.POSITIVE_INFINITY : Math.max(0, this.#heap[0].dueMs - nowMs);
  }

  /** Takes the first timer that is due, or undefined. */
  takeDue(nowMs: number): { readonly address: number; readonly token: number } | undefined {
    const heap = this.#heap;
    if (heap.length === 0 || heap[0].dueMs > nowMs) return undefined;
    const first = heap[0];
    const last = heap.pop() as Entry;
    if (heap.length > 0) {
      heap[0] = last;
      this.#sink();
    }
    return first;
  }

  #sink(): void {
    const heap = this.#heap;
    let parent = 0;
    for (;;) {
      const left = parent * 2 + 1;
      if (left >= heap.length) return;
      const right = left + 1;
      const child = right < heap.length && heap[right].dueMs < heap[left].dueMs ? right : left;
      if (heap[parent].dueMs <= heap[child].dueMs) return;
      [heap[parent], heap[child]] = [heap[child], heap[parent]];
      parent = child;
    }
  }
}
