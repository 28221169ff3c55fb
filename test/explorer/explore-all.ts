/** The tests of a subject: the interleavings of its scenarios, and each of its planted bugs. */
import test from 'ava';
import { replay } from './schedule.js';
import { explore, FEW_PREEMPTIONS, hunt, prepare, type Subject } from './subject.js';

export function exploreAll(subject: Subject): void {
  for (const scenario of subject.short) {
    test(`${subject.name}: every interleaving of ${scenario} -> every promise is kept`, async (t) => {
      const { runs, interleavings, complete, failure } = await explore(subject, scenario);
      t.log(`${runs} runs for ${interleavings.toExponential(1)} interleavings`);
      t.is(failure, undefined, `${failure?.message}; schedule: ${failure?.schedule}`);
      t.true(complete && interleavings > 100);
    });
  }
  for (const scenario of subject.bounded) {
    test(`${subject.name}: ${scenario} with ${FEW_PREEMPTIONS} preemptions at most -> every promise is kept`, async (t) => {
      const { runs, complete, failure } = await explore(subject, scenario, FEW_PREEMPTIONS);
      t.log(`${runs} runs`);
      t.is(failure, undefined, `${failure?.message}; schedule: ${failure?.schedule}`);
      t.true(complete && runs > 100);
    });
  }
  for (const plant of subject.plants) {
    test(`${subject.name}: planted, ${plant.name} -> found, and its schedule fails again`, async (t) => {
      const found = await hunt(subject, plant);
      t.log(found ?? 'not found');
      if (found === undefined) return t.fail('not found');
      const execution = await prepare(subject, plant.scenario, plant);
      t.is(replay(execution, found.schedule).failure, found.message);
    });
  }
}
