/** The consumer of the mailbox test: takes every message, in batches that it releases together, and checks each. */
import { parentPort, workerData } from 'node:worker_threads';
import { MailboxReader } from '../../src/runtime/mailbox.js';
import { isMessage } from './mail.js';

const { memory, messages } = workerData as { memory: SharedArrayBuffer; messages: number };
const reader = new MailboxReader(memory, true);
const pause = new Int32Array(new SharedArrayBuffer(4));
let verdict = 'whole and in order';
for (let stamp = 1, empty = 0; stamp <= messages; ) {
  const at = reader.next();
  if (at >= 0) {
    empty = 0;
    if (!isMessage(reader.words, at, stamp)) {
      verdict = `message ${stamp} is not what stands at ${at}`;
      break;
    }
    stamp++;
    if (stamp % 7 === 0) reader.release();
    continue;
  }
  reader.release();
  // Atomics: a plain pause once in a while, so that the producer gets the processor
  if (++empty % 64 === 0) Atomics.wait(pause, 0, 0, 0.05);
}
parentPort?.postMessage(verdict);
