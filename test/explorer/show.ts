/**
 * Shows every step of a schedule:
 * `node dist/test/explorer/show.js SUBJECT SCENARIO SCHEDULE [PLANT]`, names in quotes as the tests and the report print them.
 */
import { replay } from './schedule.js';
import { prepare } from './subject.js';
import { SUBJECTS } from './subjects/all.js';

const [subjectName, scenario, schedule, plantName] = process.argv.slice(2);
const subject = SUBJECTS.find(({ name }) => name === subjectName);
if (subject === undefined || schedule === undefined) {
  console.error(`SUBJECT is one of: ${SUBJECTS.map(({ name }) => name).join(', ')}`);
  process.exit(64);
}
const plant = subject.plants.find(({ name }) => name === plantName);
if (plantName !== undefined && plant === undefined) throw new Error(`no such plant: ${plantName}`);
const execution = await prepare(subject, scenario, plant);
const { steps, failure } = replay(execution, schedule);
for (const { thread, step, place, value } of steps) {
  console.log(`${execution.names[thread].padEnd(10)} ${step} ${place}: ${value}`);
}
console.log(failure ?? 'every promise was kept');
