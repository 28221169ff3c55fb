/** The receiving thread of the one-way bench: drains its mailbox and sleeps, or listens for posted messages. */
import { parentPort, workerData } from 'node:worker_threads';
import { Head } from '../../src/protocol/header.js';
import { MailboxReader } from '../../src/runtime/mailbox.js';
import { Wake } from '../../src/runtime/wake.js';
import { type ConsumerData, Count, MESSAGES, Thread } from './one-way.js';

const SLEEP_MS = 1_000;

const data: ConsumerData = workerData;
if (data.kind === 'mailbox') drainMailbox(data);
else listen();

function drainMailbox({ mailbox, wake: wakeWords, counts: countWords }: ConsumerData): void {
  const reader = new MailboxReader(mailbox);
  const wake = new Wake(wakeWords);
  const counts = new Int32Array(countWords);
  parentPort?.postMessage('ready');
  // Atomics: acquire; set once, at the end
  while (Atomics.load(counts, Count.stop) === 0) {
    if (drain(reader, counts)) continue;
    wake.announceSleep(Thread.consumer);
    if (reader.hasMail) wake.stayAwake(Thread.consumer);
    else wake.sleep(Thread.consumer, SLEEP_MS);
  }
}

function drain(reader: MailboxReader, counts: Int32Array): boolean {
  let taken = 0;
  let sum = 0;
  for (let at = reader.next(); at >= 0; at = reader.next()) {
    sum += reader.words[at + Head.request];
    taken++;
  }
  if (taken === 0) return false;
  reader.release();
  // Atomics: the sum before the count, so that who sees the count has the sum
  Atomics.add(counts, Count.sum, sum);
  Atomics.add(counts, Count.taken, taken);
  Atomics.notify(counts, Count.taken); // Atomics: after the count; the producer waits for it
  return true;
}

function listen(): void {
  let received = 0;
  let sum = 0;
  parentPort?.on('message', (payload: Uint8Array) => {
    sum += payload[0];
    if (++received % MESSAGES !== 0) return;
    parentPort?.postMessage(sum);
    sum = 0;
  });
  parentPort?.postMessage('ready');
}
