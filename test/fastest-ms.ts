/** How long something takes on a machine that others slow down: the fastest of several runs, which they disturbed least. */

/** Milliseconds of the fastest of `times` runs. */
export function fastestMs(times: number, run: () => void): number {
  let fastest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < times; i++) {
    const startMs = performance.now();
    run();
    fastest = Math.min(fastest, performance.now() - startMs);
  }
  return fastest;
}
