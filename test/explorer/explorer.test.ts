/** The product under every interleaving of small scenarios, and under planted bugs, each of which has to be found. */
import test from 'ava';
import { replay } from './schedule.js';
import { explore, hunt, prepare } from './subject.js';
import { SUBJECTS } from './subjects/all.js';

for (const subject of SUBJECTS) {
  for (const scenario of subject.short) {
    test(`explorer: ${subject.name}, every interleaving of ${scenario} -> every promise is kept`, async (t) => {
      const { runs, interleavings, complete, failure } = await explore(subject, scenario);
      t.log(`${runs} runs for ${interleavings.toExponential(1)} interleavings`);
      t.is(failure, undefined, `${failure?.message}; schedule: ${failure?.schedule}`);
      t.true(complete && interleavings > 100);
    });
  }
  for (const plant of subject.plants) {
    test(`explorer: ${subject.name}, ${plant.name} -> found, and its schedule fails again`, async (t) => {
      const found = await hunt(subject, plant);
      t.log(found ?? 'not found');
      if (found === undefined) return t.fail('not found');
      const execution = await prepare(subject, plant.scenario, plant);
      t.is(replay(execution, found.schedule).failure, found.message);
    });
  }
}
