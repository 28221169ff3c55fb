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
      for (const one of opened.cases) await t.notThrowsAsync(async () => one.run(), one.name);
    } finally {
      await opened.close?.();
    }
  });
}
