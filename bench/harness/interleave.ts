/**
 * Interleaved rounds: in each round every contestant runs one slice, so that what disturbs the machine disturbs all of
 * them alike. The order rotates from round to round and turns around in every other one, so that nobody always runs
 * behind the same neighbour.
 *
 * Reported are medians, ratios of medians, and the spread of the ratios round by round.
 */

export interface Contestant {
  readonly name: string;
  /** Runs one slice and answers its rate per second. */
  slice(round: number): Promise<number>;
}

/** Rates per second of each contestant, one for each round. */
export type Rounds = ReadonlyMap<string, readonly number[]>;

/** Runs `rounds` rounds; `pause` is awaited between slices. */
export async function interleave(
  contestants: readonly Contestant[],
  rounds: number,
  pause: () => Promise<void>,
): Promise<Rounds> {
  const rates = new Map<string, number[]>(contestants.map((contestant) => [contestant.name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const contestant of orderOf(contestants, round)) {
      rates.get(contestant.name)?.push(await contestant.slice(round));
      await pause();
    }
  }
  return rates;
}

function orderOf(contestants: readonly Contestant[], round: number): Contestant[] {
  const rotated = contestants.map((_, turn) => contestants[(turn + round) % contestants.length]);
  return round % 2 === 0 ? rotated : rotated.reverse();
}

/** The middle value, or the mean of the two in the middle; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export interface Comparison {
  /** Ratio of the medians. */
  readonly ratio: number;
  /** Smallest and largest ratio of one round. */
  readonly low: number;
  readonly high: number;
}

/** How much faster `ours` is than `theirs`; both have one rate for each round. */
export function compare(ours: readonly number[], theirs: readonly number[]): Comparison {
  const ratios = ours.map((rate, round) => rate / theirs[round]);
  return { ratio: median(ours) / median(theirs), low: Math.min(...ratios), high: Math.max(...ratios) };
}
