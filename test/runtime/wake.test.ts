import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import { allocateMailbox } from '../../src/runtime/mailbox.js';
import { allocateWakeWords, Wake } from '../../src/runtime/wake.js';

test('wake: a thread that is awake -> nobody claims it; one that sleeps -> exactly one does', (t) => {
  const memory = allocateWakeWords(3);
  const wake = new Wake(memory);
  t.false(wake.claim(1));
  wake.announceSleep(1);
  t.false(wake.claim(0));
  t.false(wake.claim(2));
  t.true(wake.claim(1));
  t.false(wake.claim(1));
  t.true(wake.sleep(1, 10_000), 'claimed between the announcement and the sleep: it does not sleep');
  wake.announceSleep(1);
  wake.stayAwake(1);
  t.false(wake.claim(1));
});

test('wake: nobody comes -> the sleep times out', (t) => {
  const wake = new Wake(allocateWakeWords(1));
  wake.announceSleep(0);
  t.false(wake.sleep(0, 5));
  t.false(wake.isClaimed(0, 1));
  t.true(wake.claim(0));
  t.true(wake.isClaimed(0, 1));
});

test('wake: 200,000 ping-pongs of two threads with random pauses -> no wake-up is missed', async (t) => {
  const shared = {
    wake: allocateWakeWords(2),
    there: allocateMailbox(1024),
    back: allocateMailbox(1024),
    rounds: 200_000,
  };
  const workers = [0, 1].map(
    (thread) => new Worker(new URL('./wake-worker.js', import.meta.url), { workerData: { ...shared, thread } }),
  );
  const counts = await Promise.all(
    workers.map(async (worker) => (await once(worker, 'message'))[0] as { missed: number; sleeps: number }),
  );
  t.log(JSON.stringify(counts));
  for (const { missed, sleeps } of counts) {
    t.is(missed, 0);
    t.true(sleeps > 100);
  }
});
