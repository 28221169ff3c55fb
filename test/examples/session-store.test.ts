/** The example session-store, as its reader runs it. */
import test from 'ava';
import { runExample } from './run-example.js';

test('session-store: sessions with a life -> renewed, expired, logged out', (t) =>
  runExample(t, 'session-store', /^session-store: 3 sessions: 1 renewed 6 times and alive, 1 expired, 1 logged out$/m));
