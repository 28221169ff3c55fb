/** One of two threads that throw a message to and fro, pausing or spinning for a random while before each sleep. */
import { parentPort, workerData } from 'node:worker_threads';
import { MailboxReader, MailboxWriter } from '../../src/runtime/mailbox.js';
import { Wake } from '../../src/runtime/wake.js';
import { fillMessage, isMessage } from './mail.js';

const {
  wake: words,
  there,
  back,
  rounds,
  thread,
} = workerData as {
  wake: SharedArrayBuffer;
  there: SharedArrayBuffer;
  back: SharedArrayBuffer;
  rounds: number;
  thread: number;
};
const wake = new Wake(words);
const writer = new MailboxWriter(thread === 0 ? there : back);
const reader = new MailboxReader(thread === 0 ? back : there, true);
const counts = { missed: 0, sleeps: 0 };
let random = thread + 1;

function sleepUntilMail(): void {
  random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
  for (let polls = (random >>> 8) % 60; polls > 0; polls--) if (reader.hasMail) return;
  wake.announceSleep(thread);
  for (let idle = (random >>> 16) % 20; idle > 0; idle--) Math.imul(idle, random);
  if (reader.hasMail) {
    wake.stayAwake(thread);
    return;
  }
  counts.sleeps++;
  if (wake.sleep(thread, 200)) return;
  if (reader.hasMail && !wake.isClaimed(thread, 100)) counts.missed++;
  wake.stayAwake(thread);
}

for (let round = 1; round <= rounds; round++) {
  if (thread === 0) send(round);
  let at = reader.next();
  while (at < 0) {
    sleepUntilMail();
    at = reader.next();
  }
  if (!isMessage(reader.words, at, round)) throw new Error(`round ${round} brought something else`);
  reader.release();
  if (thread === 1) send(round);
}
parentPort?.postMessage(counts);

function send(round: number): void {
  fillMessage(writer.words, writer.reserve(32), 32, round);
  writer.publish();
  wake.wakeNode(1 - thread);
}
