import test from 'ava';
import { measureBalance } from '../../bench/core/balance.js';

test('balance bench: small rings -> shares keep the promise, and nobody moves less than the optimum', (t) => {
  const rows = measureBalance([3, 6, 12], [256]);
  t.is(rows.length, 18);
  for (const row of rows) {
    t.true(row.kept, JSON.stringify(row));
    t.true(row.join >= 0.9 && row.join <= 1.1, JSON.stringify(row));
  }
});
