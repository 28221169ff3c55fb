/** The bulk pool over real threads: results, errors and the bound on what waits. */
import test from 'ava';
import { BulkPool } from '../../src/runtime/bulk-pool.js';

const module = new URL('./bulk-task.js', import.meta.url);

test('bulk pool: tasks on two threads -> each result to its caller', async (t) => {
  const pool = new BulkPool<{ square: number }, number>({ module, threads: 2 });
  t.teardown(() => pool.close());
  const results = await Promise.all([1, 2, 3, 4, 5].map((square) => pool.run({ square })));
  t.deepEqual(results, [1, 4, 9, 16, 25]);
});

test('bulk pool: a task that throws -> its caller alone sees the error', async (t) => {
  const pool = new BulkPool<{ square: number } | { fail: string }, number>({ module, threads: 1 });
  t.teardown(() => pool.close());
  await t.throwsAsync(pool.run({ fail: 'on purpose' }), { message: 'on purpose' });
  t.is(await pool.run({ square: 6 }), 36);
});

test('bulk pool: more tasks than may wait -> KV_OVERLOADED, the others finish', async (t) => {
  const pool = new BulkPool<{ square: number }, number>({ module, threads: 1, waitingMax: 2 });
  t.teardown(() => pool.close());
  const outcomes = await Promise.allSettled([1, 2, 3, 4, 5, 6].map((square) => pool.run({ square })));
  const codes = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.code] : []));
  t.true(codes.length > 0);
  t.true(codes.every((code) => code === 'KV_OVERLOADED'));
  t.true(outcomes.some((outcome) => outcome.status === 'fulfilled'));
});
