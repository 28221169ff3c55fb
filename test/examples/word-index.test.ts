/** The example word-index, as its reader runs it. */
import test from 'ava';
import { runExample } from './run-example.js';

test('word-index: a whole dictionary -> completions and anagrams', (t) =>
  runExample(t, 'word-index', /^word-index: [2-3]\d\d,\d\d\d pairs loaded, completed, and searched for anagrams$/m));
