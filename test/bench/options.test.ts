/** The bench's command line. */
import test from 'ava';
import { parseBenchOptions, SUITES } from '../../bench/options.js';

test('bench options: none -> the store suite, at full length', (t) => {
  const { suites, sizes, json, only } = parseBenchOptions([]);
  t.deepEqual({ suites, json, only }, { suites: ['store'], json: undefined, only: [] });
  t.true(sizes.rounds >= 5 && sizes.keyCount === 100_000 && sizes.sustainedPairs === 3_000_000);
});

test('bench options: --suite all --quick --only --json -> all suites, still five rounds', (t) => {
  const options = parseBenchOptions([
    '--suite',
    'all',
    '--quick',
    '--only',
    'get',
    '--only',
    'put',
    '--json',
    'a.json',
  ]);
  t.deepEqual(options.suites, SUITES);
  t.deepEqual(options.only, ['get', 'put']);
  t.is(options.json, 'a.json');
  t.is(options.sizes.rounds, 5);
});

test('bench options: --pairs -> scales the sustained suite down', (t) => {
  const { sizes } = parseBenchOptions(['--pairs', '5000']);
  t.is(sizes.sustainedPairs, 5_000);
  t.is(sizes.recoveryRecords, 5_000);
});

for (const args of [['--suite', 'none'], ['--pairs', 'many'], ['--pairs', '10'], ['--unknown'], ['stray']]) {
  test(`bench options: ${args.join(' ')} -> throws`, (t) => {
    t.throws(() => parseBenchOptions(args));
  });
}
