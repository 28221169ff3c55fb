/**
 * What the explorer covers, as two tables: `node dist/test/long/interleavings.js`, some minutes; `--quick` for the scenarios
 * of the test run only, `--seed=N` for other random schedules.
 */
import { parseArgs } from 'node:util';
import { runRandomly } from '../explorer/random-runs.js';
import { explore, hunt, prepare } from '../explorer/subject.js';
import { SUBJECTS } from '../explorer/subjects/all.js';

const RANDOM_RUNS = 20_000;

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, seed: { type: 'string', default: '1' } },
});

console.log('| subject | scenario | runs | states | interleavings | |\n| --- | --- | --- | --- | --- | --- |');
for (const subject of SUBJECTS) {
  const scenarios = values.quick ? subject.short : [...subject.short, ...subject.bounded, ...subject.long];
  for (const scenario of scenarios) {
    const { runs, states, interleavings, complete, failure } = await explore(subject, scenario);
    const outcome =
      failure === undefined ? (complete ? 'all kept' : 'kept, cut off') : `${failure.message}: ${failure.schedule}`;
    console.log(
      `| ${subject.name} | ${scenario} | ${runs} | ${states} | ${interleavings.toExponential(1)} | ${outcome} |`,
    );
    if (failure !== undefined) process.exitCode = 1;
  }
}

console.log('\n| subject | planted bug | preemptions | runs | schedule |\n| --- | --- | --- | --- | --- |');
for (const subject of SUBJECTS) {
  for (const plant of subject.plants) {
    const found = await hunt(subject, plant);
    console.log(
      `| ${subject.name} | ${plant.name} | ${found?.preemptions} | ${found?.runs} | ${found?.schedule ?? 'not found'} |`,
    );
    if (found === undefined) process.exitCode = 1;
  }
}

if (!values.quick) {
  console.log(`\n${RANDOM_RUNS} random schedules of each scenario, stopped at every step:`);
  for (const subject of SUBJECTS) {
    for (const scenario of [...subject.short, ...subject.bounded, ...subject.long]) {
      const execution = await prepare(subject, scenario);
      execution.machine.everywhere = true;
      const { failure } = runRandomly(execution, { seed: Number(values.seed), runs: RANDOM_RUNS });
      console.log(`${subject.name}, ${scenario}: ${failure === undefined ? 'all kept' : failure.schedule}`);
      if (failure !== undefined) process.exitCode = 1;
    }
  }
}
