/** How a node's thread is brought to its end in tests of supervision. */

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
