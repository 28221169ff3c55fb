/**
 * The checkers can fail: each planted bug is found by the seed that docs/simulator.md names, and all are listed there. The
 * seeds before it, which found nothing when the table was made, are only run where that one does not find it any more.
 */
import { readFile } from 'node:fs/promises';
import test from 'ava';
import { PLANTS } from '../../src/sim/plants.js';
import { shortTrace } from '../../src/sim/shrink.js';
import { runSeed } from '../../src/sim/simulation.js';
import { tableUnder } from '../docs/markdown.js';

const SEEDS_MAX = 500;

const document = await readFile(new URL('../../../docs/simulator.md', import.meta.url), 'utf8');
const table = tableUnder(document, '## The checkers can fail');

test('plants: the table of docs/simulator.md -> names them all', (t) => {
  t.deepEqual(
    table.map(([name]) => name),
    Object.keys(PLANTS),
  );
});

for (const [name, plant] of Object.entries(PLANTS)) {
  test(`plants: a store that ${name} -> a checker notices`, (t) => {
    const named = Number(table.find(([plantName]) => plantName === name)?.[1]);
    const { problems } = runSeed(named, plant);
    t.log(`seed ${named}: ${problems[0]?.text}`);
    if (problems.length > 0) {
      t.pass();
      return;
    }
    const seeds = Array.from({ length: SEEDS_MAX }, (_, index) => index + 1);
    const first = seeds.find((seed) => runSeed(seed, plant).problems.length > 0);
    t.is(first, named, 'the seeds that it takes, as docs/simulator.md counts them');
  });
}

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
