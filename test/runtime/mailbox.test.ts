import { once } from 'node:events';
import { setImmediate as eventTurn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import fc from 'fast-check';
import type { Outbound } from '../../src/actor/env.js';
import { OUTBOX_BYTES_MAX } from '../../src/protocol/limits.js';
import { allocateMailbox, MailboxReader, MailboxWriter, mailboxCounts } from '../../src/runtime/mailbox.js';
import { Outgoing } from '../../src/runtime/outgoing.js';
import { fillMessage, isMessage } from './mail.js';

type Step =
  | { readonly kind: 'send'; readonly units: number; readonly keep: number }
  | { readonly kind: 'handler'; readonly units: readonly number[]; readonly fails: boolean }
  | { readonly kind: 'publish' | 'release' }
  | { readonly kind: 'take'; readonly count: number };

const units = fc.integer({ min: 1, max: 60 });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('send' as const), units, keep: units }),
    fc.record({ kind: fc.constant('handler' as const), units: fc.array(units, { maxLength: 4 }), fails: fc.boolean() }),
    fc.record({ kind: fc.constantFrom('publish' as const, 'release' as const) }),
    fc.record({ kind: fc.constant('take' as const), count: fc.nat(6) }),
  ),
  { maxLength: 300, size: 'max' },
);

/** A mailbox of 1 KB beside the arrays of what was sent and what was published. */
class Model {
  readonly memory = allocateMailbox(1024);
  readonly writer = new MailboxWriter(this.memory);
  readonly reader = new MailboxReader(this.memory);
  #next = 1;
  #pending: number[] = [];
  #published: number[] = [];
  #count = 0;

  step(step: Step): void {
    if (step.kind === 'send') this.#send(step.units, Math.min(step.keep, step.units));
    else if (step.kind === 'handler') this.#handler(step.units, step.fails);
    else if (step.kind === 'publish') this.#publish();
    else if (step.kind === 'release') this.reader.release();
    else if (step.kind === 'take') for (let i = 0; i < step.count; i++) this.#take();
  }

  #send(wanted: number, kept: number): void {
    const at = this.writer.reserve(wanted * 8);
    if (at < 0) return;
    if (kept < wanted) this.writer.shrink(kept * 8);
    fillMessage(this.writer.words, at, kept * 8, this.#next);
    this.#pending.push(this.#next++);
  }

  #handler(sizes: readonly number[], fails: boolean): void {
    const before = this.#pending.length;
    this.writer.mark();
    for (const size of sizes) this.#send(size, size);
    if (!fails) return;
    this.writer.rollback();
    this.#pending.length = before;
  }

  #publish(): void {
    if (this.writer.publish() !== this.#pending.length > 0) throw new Error('publish says whether there was something');
    this.#count += this.#pending.length;
    this.#published.push(...this.#pending);
    this.#pending = [];
    if (mailboxCounts(this.memory).messages !== this.#count) throw new Error('messages are counted once published');
  }

  #take(): void {
    const wanted = this.#published.shift();
    if (this.reader.hasMail !== (wanted !== undefined)) throw new Error('hasMail tells what is published');
    const at = this.reader.next();
    if (wanted === undefined ? at !== -1 : !isMessage(this.reader.words, at, wanted)) {
      throw new Error(`message ${wanted} is not what stands at ${at}`);
    }
  }

  /** Whatever happened: all of it comes out in order, and then there is room for the largest message. */
  drain(): void {
    this.#publish();
    while (this.#published.length > 0) this.#take();
    this.reader.release();
    for (let i = 0; i < 5; i++) {
      this.#send(this.writer.messageBytesMax / 8, this.writer.messageBytesMax / 8);
      if (this.#pending.length !== 1) throw new Error('an empty mailbox takes the largest message');
      this.#publish();
      this.#take();
      this.reader.release();
    }
  }
}

test('mailbox: any mix of sends, shrinks, handlers undone, publications and takes -> first in, first out, whole', (t) => {
  fc.assert(
    fc.property(steps, (all) => {
      const model = new Model();
      for (const step of all) model.step(step);
      model.drain();
    }),
    { numRuns: 300 },
  );
  t.pass();
});

test('mailbox: counters about to wrap through 32 bits -> nothing changes', (t) => {
  const memory = allocateMailbox(1024);
  const words = new Int32Array(memory);
  words[0] = 0x7fff_ff80;
  words[16] = 0x7fff_ff80;
  const writer = new MailboxWriter(memory);
  const reader = new MailboxReader(memory);
  for (let i = 1; i < 2_000; i++) {
    const at = writer.reserve(((i % 9) + 1) * 8);
    t.true(at >= 0);
    fillMessage(writer.words, at, ((i % 9) + 1) * 8, i);
    writer.publish();
    if (!isMessage(reader.words, reader.next(), i)) t.fail(`message ${i}`);
    reader.release();
  }
});

test('mailbox: each message taken before the next one -> the ring begins anew at its middle; with a reader behind it, at its end', (t) => {
  const memory = allocateMailbox(4096);
  const writer = new MailboxWriter(memory);
  const reader = new MailboxReader(memory);
  const places: number[] = [];
  const send = () => {
    const at = writer.reserve(64);
    places.push(at);
    fillMessage(writer.words, at, 64, places.length);
    writer.publish();
  };
  const take = () => {
    t.true(isMessage(reader.words, reader.next(), places.length));
    reader.release();
  };
  for (let i = 0; i < 200; i++) {
    send();
    take();
  }
  const first = Math.min(...places);
  t.is((Math.max(...places) - first) * 4, 2048 - 64);
  send();
  for (let i = 0; i < 200; i++) {
    send();
    t.true(isMessage(reader.words, reader.next(), places.length - 1));
    reader.release();
  }
  t.is((Math.max(...places) - first) * 4, 4096 - 64);
});

test('mailbox: bytes that cannot be a message -> KV_INTERNAL, not an endless walk', (t) => {
  for (const size of [0, 4, 12, 2048]) {
    const memory = allocateMailbox(1024);
    const writer = new MailboxWriter(memory);
    const reader = new MailboxReader(memory);
    writer.words[writer.reserve(16)] = size;
    writer.publish();
    t.throws(() => reader.next(), { code: 'KV_INTERNAL' }, String(size));
  }
});

test('mailbox: a new consumer -> begins behind what was sent to the former one; a fresh one takes it all', (t) => {
  const memory = allocateMailbox(1024);
  const writer = new MailboxWriter(memory);
  fillMessage(writer.words, writer.reserve(24), 24, 1);
  writer.publish();
  t.true(isMessage(new Int32Array(memory), new MailboxReader(memory, true).next(), 1));
  const next = new MailboxReader(memory);
  t.is(next.next(), -1);
  fillMessage(writer.words, writer.reserve(24), 24, 2);
  writer.publish();
  t.true(isMessage(next.words, next.next(), 2));
});

test('mailbox: two threads at full speed over 4 KB -> 300,000 messages in order, every word of them', async (t) => {
  const memory = allocateMailbox(4096);
  const worker = new Worker(new URL('./mail-worker.js', import.meta.url), {
    workerData: { memory, messages: 300_000 },
  });
  const answer = once(worker, 'message');
  await once(worker, 'online');
  const writer = new MailboxWriter(memory);
  let random = 5;
  for (let i = 1; i <= 300_000; ) {
    random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
    const bytes = ((random >>> 20) % 40) * 8 + 8;
    const at = writer.reserve(bytes);
    if (at >= 0) fillMessage(writer.words, at, bytes, i++);
    if (at < 0 || random % 5 === 0) writer.publish();
    if (at < 0 && random % 3 === 0) await eventTurn();
  }
  writer.publish();
  const [verdict] = (await answer) as [string];
  t.is(verdict, 'whole and in order');
  t.true(mailboxCounts(memory).highWaterBytes <= 4096);
});

const outbound = (): Outbound => ({ words: new Int32Array(0), bytes: Buffer.alloc(0), at: 0 });

function open(outgoing: Outgoing, bytes: number, stamp: number, handler: number, isReply = false): boolean {
  const out = outbound();
  if (!outgoing.open(out, bytes, handler, isReply)) return false;
  fillMessage(out.words, out.at, bytes, stamp);
  return true;
}

function takeAll(reader: MailboxReader): number[] {
  const stamps: number[] = [];
  for (let at = reader.next(); at >= 0; at = reader.next()) stamps.push(reader.words[at + 1]);
  reader.release();
  return stamps;
}

test('outbox: more than the mailbox holds, taken bit by bit, handlers undone between -> the order of sending', (t) => {
  const handler = fc.record({
    sizes: fc.array(units, { minLength: 1, maxLength: 8 }),
    fails: fc.boolean(),
    takes: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(handler, { maxLength: 60 }), (handlers) => {
      const memory = allocateMailbox(1024);
      const outgoing = new Outgoing(memory);
      const reader = new MailboxReader(memory);
      const sent: number[] = [];
      const taken: number[] = [];
      let stamp = 0;
      for (const [index, { sizes, fails, takes }] of handlers.entries()) {
        const mine = sizes.map((size) => {
          open(outgoing, size * 8, ++stamp, index + 1);
          return stamp;
        });
        if (fails) outgoing.undo(index + 1);
        else sent.push(...mine);
        if (!takes) continue;
        outgoing.publish();
        taken.push(...takeAll(reader));
      }
      for (let i = 0; i < 400 && (outgoing.publish() || outgoing.waitingBytes > 0); i++) taken.push(...takeAll(reader));
      t.deepEqual(taken, sent);
      t.is(outgoing.waitingBytes, 0);
    }),
  );
});

test('outbox: full -> refused and counted, but never a reply', (t) => {
  const memory = allocateMailbox(1024);
  const outgoing = new Outgoing(memory);
  const reader = new MailboxReader(memory);
  t.true(open(outgoing, 512, 2, 1));
  let sent = 1;
  while (open(outgoing, 512, 3, 2)) sent++;
  t.true(outgoing.waitingBytes > OUTBOX_BYTES_MAX - 512 && outgoing.waitingBytes <= OUTBOX_BYTES_MAX);
  t.true(open(outgoing, 512, 4, 3, true));
  t.is(mailboxCounts(memory).refused, 1);
  let taken = 0;
  while (outgoing.publish()) taken += takeAll(reader).length;
  t.is(taken, sent + 1);
});

test('outbox: a message that turned out smaller -> shrinks where it waits too', (t) => {
  const memory = allocateMailbox(1024);
  const outgoing = new Outgoing(memory);
  const reader = new MailboxReader(memory);
  for (let stamp = 1; stamp <= 6; stamp++) {
    const out = outbound();
    outgoing.open(out, 400, 1);
    outgoing.shrink(40);
    fillMessage(out.words, out.at, 40, stamp);
  }
  const stamps: number[] = [];
  while (outgoing.publish()) stamps.push(...takeAll(reader));
  t.deepEqual(stamps, [1, 2, 3, 4, 5, 6]);
  t.is(outgoing.waitingBytes, 0);
});
