/** How a node's thread is brought to its end in tests of supervision. */
import { ExitGate } from '../storage/exit-gate.js';

export type PlantedFailure = 'throw' | 'heap' | 'leak' | 'inside';

const LEAK_EVERY_MS = 30;
let leakedAtMs = 0;

/** A megabyte or two, now and then. */
export function leakInto(held: unknown[]): void {
  if (performance.now() - leakedAtMs < LEAK_EVERY_MS) return;
  leakedAtMs = performance.now();
  for (let i = 0; i < 20_000; i++) held.push({ kept: [i] });
}

/** More than any heap holds. */
export function fillHeap(): void {
  let held: unknown;
  for (;;) held = { kept: [held] };
}

const INSIDE_MS = 1_000;

/** The thread ends within a native call that it has been in for a while; a thread that ends runs nothing more. */
export function endInside(gate: SharedArrayBuffer): never {
  new ExitGate(new Int32Array(gate)).enter();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, INSIDE_MS); // Atomics: a pause
  process.exit(1);
}
