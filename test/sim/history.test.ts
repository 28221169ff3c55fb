/** Histories as lines of JSON: what is written is read back, bad lines are named, keys are checked apart. */
import test from 'ava';
import { checkHistory, formatHistory, type HistoryEntry, parseHistory } from '../../src/sim/history.js';

const put: HistoryEntry = {
  client: 1,
  operation: 'put',
  key: 'a',
  argument: 'one',
  outcome: 'ok',
  callNs: 1,
  returnNs: 2,
};
const get: HistoryEntry = {
  client: 2,
  operation: 'get',
  key: 'a',
  outcome: 'ok',
  result: 'one',
  callNs: 3,
  returnNs: 4,
};
const remove: HistoryEntry = { client: 'x', operation: 'delete', key: 'a', outcome: 'unknown', callNs: 5 };

test('history: written and parsed -> the same entries', (t) => {
  t.deepEqual(parseHistory(formatHistory([put, get, remove])), [put, get, remove]);
  t.deepEqual(parseHistory(''), []);
});

const BAD: readonly (readonly [line: string, found: RegExp])[] = [
  ['{', /line 2 is not JSON/],
  ['7', /line 2: not an object/],
  ['{"operation":"incr"}', /operation incr/],
  [JSON.stringify({ ...put, outcome: 'maybe' }), /outcome maybe/],
  [JSON.stringify({ ...put, key: 1 }), /key/],
  [JSON.stringify({ ...put, argument: undefined }), /no argument/],
  [JSON.stringify({ ...get, result: undefined }), /no result/],
  [JSON.stringify({ ...put, callNs: 'soon' }), /callNs/],
  [JSON.stringify({ ...put, returnNs: 0 }), /returnNs/],
];
for (const [line, found] of BAD) {
  test(`history: ${line} -> refused with its line`, (t) => {
    t.throws(() => parseHistory(`${formatHistory([put])}${line}\n`), { message: found });
  });
}

test('history: a key that went back, another that did not -> the first is named', (t) => {
  const other = { ...put, key: 'b' };
  const stale = { ...get, result: null };
  const [problem, ...more] = checkHistory([put, other, stale, { ...get, key: 'b' }]);
  t.deepEqual(more, []);
  t.is(problem.key, 'a');
  t.deepEqual(problem.entry, stale);
  t.deepEqual(problem.order, [put]);
});

test('history: writes that failed and reads without an answer -> count for nothing', (t) => {
  const failed = { ...put, argument: 'two', outcome: 'failed' } as const;
  const unanswered = { ...get, outcome: 'unknown', result: 'three' } as const;
  t.deepEqual(checkHistory([put, failed, unanswered, get]), []);
  t.is(checkHistory([failed, { ...get, result: 'two' }]).length, 1);
});
