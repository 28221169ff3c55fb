/**
 * The name that somebody who mistyped one most likely meant: the fewest insertions, deletions, replacements and swaps
 * of neighbours (Damerau 1964, restricted), as long as most of the name is right.
 */

/** Of what is compared, at most this share may be wrong. */
const WRONG_MAX = 0.4;

/** The nearest of the names, whatever their case; undefined where none is near. */
export function nearestName(given: string, names: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const name of names) {
    const steps = distance(given.toLowerCase(), name.toLowerCase());
    if (steps >= least || steps > Math.max(given.length, name.length) * WRONG_MAX) continue;
    best = name;
    least = steps;
  }
  return best;
}

/** `; did you mean 'nodes'?`, or nothing where no name is near. */
export function didYouMean(given: string, names: readonly string[]): string {
  const name = nearestName(given, names);
  return name === undefined ? '' : `; did you mean '${name}'?`;
}

/** Steps from one text to the other, row by row: two rows are kept. */
function distance(from: string, to: string): number {
  let before: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      let steps = Math.min(last[column] + 1, current[column - 1] + 1, last[column - 1] + (same ? 0 : 1));
      const swapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      if (swapped) steps = Math.min(steps, before[column - 2] + 1);
      current.push(steps);
    }
    before = last;
    last = current;
  }
  return last[to.length];
}
