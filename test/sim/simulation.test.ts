/**
 * The actors as a whole under hundreds of seeds of faults, and a seed as an exact replay.
 */
import test from 'ava';
import { FAULTS } from '../../src/sim/faults.js';
import type { RunCounts } from '../../src/sim/run-counts.js';
import { runSeed } from '../../src/sim/simulation.js';
import { KEPT_SEEDS } from './kept-seeds.js';

const SEEDS = 200;
/** What all of these seeds together must have seen at least, or the checkers had little to look at. */
const LEAST: Omit<RunCounts, 'owing'> = {
  acked: 5_000,
  failed: 500,
  reads: 5_000,
  crashes: 500,
  losses: 50,
  collected: 300,
  updates: 500,
  zoned: 100,
  pipelined: 500,
  expired: 30,
  ordered: 10,
  siblings: SEEDS,
};
/** Seeds from a kept one on that are run again. */
const KEPT_AROUND = 2;

test('simulation: every kind of fault under many seeds -> every promise is kept', (t) => {
  const seen: Record<string, number> = {};
  const fired = new Set<string>();
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { problems, counts, faults } = runSeed(seed);
    t.deepEqual(problems, [], `seed ${seed}`);
    for (const [name, count] of Object.entries(counts)) seen[name] = (seen[name] ?? 0) + count;
    for (const name of Object.keys(faults)) fired.add(name);
  }
  t.log(seen);
  for (const [name, least] of Object.entries(LEAST)) t.true(seen[name] >= least, `${name}: ${seen[name]}`);
  t.deepEqual(
    Object.keys(FAULTS).filter((name) => !fired.has(name)),
    [],
    'faults that never fired',
  );
});

test('simulation: one seed twice -> the same run to the last word; another seed -> another run', (t) => {
  const hashes = [11, 12, 13].map((seed) => runSeed(seed).hash);
  t.deepEqual(
    [11, 12, 13].map((seed) => runSeed(seed, {}, { keepsLines: true }).hash),
    hashes,
  );
  t.is(new Set(hashes).size, 3);
});

test('simulation: a single node, and spares on other hosts that nobody has started -> no fault finds nobody to strike', (t) => {
  for (let seed = 1; seed <= 20; seed++) {
    t.deepEqual(runSeed(seed, {}, { nodes: 1, n: 1, moves: true }).problems, [], `seed ${seed}`);
  }
});

for (const { seed, options, found } of KEPT_SEEDS) {
  test(`simulation: seed ${seed}, which once found a bug in ${found} -> no more`, (t) => {
    for (let near = seed; near < seed + KEPT_AROUND; near++) {
      t.deepEqual(runSeed(near, {}, options).problems, [], `seed ${near}`);
    }
  });
}
