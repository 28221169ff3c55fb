/** 10,000 messages of 100 bytes one way, from this thread to another: our mailbox beside postMessage. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { putHeader } from '../../src/protocol/header.js';
import { Kind } from '../../src/protocol/messages.js';
import { allocateMailbox, MailboxWriter } from '../../src/runtime/mailbox.js';
import { allocateWakeWords, Wake } from '../../src/runtime/wake.js';
import type { MicroSuite } from '../micro/suite.js';
import { type ConsumerData, Count, MAILBOX_BYTES, MESSAGE_BYTES, MESSAGES, PAYLOAD_BYTES, Thread } from './one-way.js';

/** Messages between two publications: a turn's worth. */
const TURN = 64;
const WAIT_MS = 5_000;
/** 0 + 1 + ... for the check that every message arrived whole. */
const SUM = (MESSAGES * (MESSAGES - 1)) / 2;

export const suite: MicroSuite = {
  open: async () => {
    const shared = {
      mailbox: allocateMailbox(MAILBOX_BYTES),
      wake: allocateWakeWords(2),
      counts: new SharedArrayBuffer(Count.words * 4),
    };
    const mailboxThread = await startConsumer({ kind: 'mailbox', ...shared });
    const portThread = await startConsumer({ kind: 'post-message', ...shared });
    const producer = new Producer(shared.mailbox, shared.wake, shared.counts);
    const posting = { name: 'postMessage', operations: MESSAGES, run: () => postAll(portThread) };
    return {
      cases: [{ name: 'one-way-100-bytes', operations: MESSAGES, run: () => producer.sendAll(), peers: [posting] }],
      close: async () => {
        producer.stop();
        await Promise.all([once(mailboxThread, 'exit'), portThread.terminate()]);
      },
    };
  },
};

async function startConsumer(data: ConsumerData): Promise<Worker> {
  const worker = new Worker(new URL('./one-way-consumer.js', import.meta.url), { workerData: data });
  await once(worker, 'message');
  return worker;
}

class Producer {
  readonly #writer: MailboxWriter;
  readonly #wake: Wake;
  readonly #counts: Int32Array;
  #sent = 0;

  constructor(mailbox: SharedArrayBuffer, wake: SharedArrayBuffer, counts: SharedArrayBuffer) {
    this.#writer = new MailboxWriter(mailbox);
    this.#wake = new Wake(wake);
    this.#counts = new Int32Array(counts);
  }

  /** Sends every message and waits until the other thread has taken them. */
  sendAll(): void {
    // Atomics: acquire; the consumer is idle now
    const sumBefore = Atomics.load(this.#counts, Count.sum);
    for (let message = 0; message < MESSAGES; message++) {
      this.#send(message);
      if (message % TURN === TURN - 1) this.#publish();
    }
    this.#publish();
    while (this.#taken() !== this.#sent) this.#waitForProgress();
    // Atomics: acquire, after the count
    const sum = (Atomics.load(this.#counts, Count.sum) - sumBefore) | 0;
    if (sum !== (SUM | 0)) throw new Error(`the messages add up to ${sum}, not ${SUM}`);
  }

  stop(): void {
    // Atomics: release, before the wake-up
    Atomics.store(this.#counts, Count.stop, 1);
    this.#wake.wakeNode(Thread.consumer);
  }

  #send(request: number): void {
    let at = this.#writer.reserve(MESSAGE_BYTES);
    while (at < 0) {
      this.#publish();
      this.#waitForProgress();
      at = this.#writer.reserve(MESSAGE_BYTES);
    }
    const { words } = this.#writer;
    putHeader(words, at, Kind.replicate, MESSAGE_BYTES, Thread.consumer, Thread.producer, request);
    for (let word = at + 4; word < at + MESSAGE_BYTES / 4; word++) words[word] = request;
    this.#sent = (this.#sent + 1) | 0;
  }

  #publish(): void {
    if (this.#writer.publish()) this.#wake.wakeNode(Thread.consumer);
  }

  #taken(): number {
    // Atomics: acquire; the sum was added before it
    return Atomics.load(this.#counts, Count.taken);
  }

  /** Waits until more is taken; returns at once where everything sent is. Publish first. */
  #waitForProgress(): void {
    const taken = this.#taken();
    if (taken === this.#sent) return;
    // Atomics: sleeps only while the count is what was just read
    const result = Atomics.wait(this.#counts, Count.taken, taken, WAIT_MS);
    if (result === 'timed-out') throw new Error(`the consumer took nothing for ${WAIT_MS} ms`);
  }
}

async function postAll(worker: Worker): Promise<void> {
  const answered = once(worker, 'message');
  const payload = new Uint8Array(PAYLOAD_BYTES).fill(1);
  for (let message = 0; message < MESSAGES; message++) worker.postMessage(payload);
  const [sum] = await answered;
  if (sum !== MESSAGES) throw new Error(`the messages add up to ${sum}, not ${MESSAGES}`);
}
