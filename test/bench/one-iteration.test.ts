/** Runs each micro-bench once: they check their own results, so that none of them can rot. */
import test from 'ava';
import { findMicroSuites } from '../../bench/micro/suite.js';

const suites = await findMicroSuites();

test('micro-benches: the folder -> has some', (t) => {
  t.true(suites.length > 0);
});

for (const { name, suite } of suites) {
  test(`micro-bench ${name}: one iteration -> every case runs and its result is right`, async (t) => {
    const opened = await suite.open();
    try {
      t.true(opened.cases.length > 0);
      for (const one of opened.cases) {
        for (const each of [one, ...(one.peers ?? [])]) await t.notThrowsAsync(async () => each.run(), each.name);
      }
    } finally {
      await opened.close?.();
    }
  });
}
