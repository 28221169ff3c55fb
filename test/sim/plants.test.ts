/** The checkers can fail: each planted bug is found within a number of seeds, and docs/simulator.md lists them all. */
import { readFile } from 'node:fs/promises';
import test from 'ava';
import { PLANTS } from '../../src/sim/plants.js';
import { shortTrace } from '../../src/sim/shrink.js';
import { runSeed } from '../../src/sim/simulation.js';
import { tableUnder } from '../docs/markdown.js';

const SEEDS_MAX = 500;

for (const [name, plant] of Object.entries(PLANTS)) {
  test(`plants: a store that ${name} -> a checker notices`, (t) => {
    for (let seed = 1; seed <= SEEDS_MAX; seed++) {
      const { problems } = runSeed(seed, plant);
      if (problems.length === 0) continue;
      t.log(`seed ${seed}: ${problems[0].text}`);
      t.pass();
      return;
    }
    t.fail(`not found under ${SEEDS_MAX} seeds`);
  });
}

test('plants: the table of docs/simulator.md -> names them all', async (t) => {
  const rows = tableUnder(
    await readFile(new URL('../../../docs/simulator.md', import.meta.url), 'utf8'),
    '## The checkers can fail',
  );
  t.deepEqual(
    rows.map(([name]) => name),
    Object.keys(PLANTS),
  );
});

test('plants: a failing seed -> shown under the fewest faults, with what befell its key until then', (t) => {
  const name = 'forgets tombstones';
  const short = shortTrace(1, {}, name);
  t.truthy(short);
  if (short === undefined) return;
  const { problem, run, lines } = short;
  t.is(runSeed(1, PLANTS[name], run).problems[0].text, problem.text);
  const { faultsMax = 0 } = run;
  if (faultsMax > 0) t.deepEqual(runSeed(1, PLANTS[name], { faultsMax: faultsMax - 1 }).problems, []);
  t.true(lines.length > 0 && lines.length <= 60);
  t.true(lines.some((line) => line.includes(problem.key ?? '')));
});
