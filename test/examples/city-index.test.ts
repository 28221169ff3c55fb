/** The example city-index, as its reader runs it. */
import test from 'ava';
import { runExample } from './run-example.js';

test('city-index: every city of the world -> found by country and by name, in order', (t) =>
  runExample(t, 'city-index', /^city-index: 1\d\d,\d\d\d cities loaded, found by country and by name$/m));
