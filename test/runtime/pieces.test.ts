import test from 'ava';
import fc from 'fast-check';
import type { Outbound } from '../../src/actor/env.js';
import { MESSAGE_BYTES_MAX, mailboxBytes, OUTBOX_BYTES_MAX } from '../../src/protocol/limits.js';
import { Piece } from '../../src/protocol/mailbox-messages.js';
import { Kind } from '../../src/protocol/messages.js';
import { allocateMailbox, MailboxReader, MailboxWriter, mailboxCounts } from '../../src/runtime/mailbox.js';
import { Outgoing } from '../../src/runtime/outgoing.js';
import { PieceReader } from '../../src/runtime/pieces.js';
import { fillMessage, isMessage } from './mail.js';

/** A mailbox, what sends into it, and what takes out of it and puts pieces together. */
class Line {
  readonly reader: MailboxReader;
  outgoing: Outgoing;
  readonly #pieces = new PieceReader();

  constructor(readonly memory: SharedArrayBuffer) {
    this.reader = new MailboxReader(memory);
    this.outgoing = new Outgoing(memory);
  }

  open(bytes: number, stamp: number, handler = 1, isReply = false): boolean {
    const out: Outbound = { words: new Int32Array(0), bytes: Buffer.alloc(0), at: 0 };
    if (!this.outgoing.open(out, bytes, handler, isReply)) return false;
    fillMessage(out.words, out.at, bytes, stamp);
    return true;
  }

  /** Up to `count` messages of the mailbox; the stamps of those that are whole with it, or -1 for a torn one. */
  take(count = Number.POSITIVE_INFINITY): number[] {
    const stamps: number[] = [];
    for (let i = 0; i < count; i++) {
      const at = this.reader.next();
      if (at < 0) break;
      const { words } = this.reader;
      const whole =
        words[at] >>> 24 === Kind.piece ? this.#pieces.add(words, at) : words.slice(at, at + sizeAt(words, at));
      if (whole === undefined) continue;
      const stamp = whole[1];
      stamps.push(isMessage(whole, 0, stamp) && sizeAt(whole, 0) === whole.length ? stamp : -1);
    }
    this.reader.release();
    return stamps;
  }

  /** Everything that waits. */
  drain(): number[] {
    const stamps: number[] = [];
    do stamps.push(...this.take());
    while (this.outgoing.publish() || this.outgoing.waitingBytes > 0);
    return stamps;
  }
}

const sizeAt = (words: Int32Array, at: number): number => (words[at] & 0xff_ff_ff) >>> 2;

test('pieces: messages smaller and larger than their mailbox, taken bit by bit, handlers undone between -> whole, in order', (t) => {
  // beyond half a mailbox they go in pieces
  const units = fc.oneof(
    fc.integer({ min: 1, max: 64 }),
    fc.integer({ min: 60, max: 70 }),
    fc.integer({ min: 65, max: 900 }),
  );
  const handler = fc.record({ sizes: fc.array(units, { maxLength: 5 }), fails: fc.boolean(), takes: fc.nat(6) });
  fc.assert(
    fc.property(fc.array(handler, { maxLength: 40 }), (handlers) => {
      const line = new Line(allocateMailbox(1024));
      const sent: number[] = [];
      const taken: number[] = [];
      let stamp = 0;
      for (const [index, { sizes, fails, takes }] of handlers.entries()) {
        const mine = sizes.map((size) => {
          t.true(line.open(size * 8, ++stamp, index + 1));
          return stamp;
        });
        if (fails) line.outgoing.undo(index + 1);
        else sent.push(...mine);
        if (takes === 0) continue;
        line.outgoing.publish();
        taken.push(...line.take(takes));
      }
      taken.push(...line.drain());
      t.deepEqual(taken, sent);
      t.is(line.outgoing.waitingBytes, 0);
    }),
  );
});

test('pieces: a sender that begins anew with a message half sent -> that one is dropped, later ones are whole', (t) => {
  const line = new Line(allocateMailbox(1024));
  line.open(4_000, 1);
  line.outgoing.publish();
  t.deepEqual(line.take(), []);
  line.outgoing = new Outgoing(line.memory);
  line.open(40, 2);
  line.open(3_000, 3);
  t.deepEqual(line.drain(), [2, 3]);
});

test('pieces: the rest of a message whose beginning went to an earlier reader -> is dropped, later ones are whole', (t) => {
  const line = new Line(allocateMailbox(1024));
  line.open(4_000, 1);
  line.outgoing.publish();
  const later = new Line(line.memory);
  later.outgoing = line.outgoing;
  later.open(3_000, 2);
  t.deepEqual(later.drain(), [2]);
});

test('pieces: one that does not follow the one before, or leaves the message -> nothing is made of it', (t) => {
  const words = new Int32Array(16);
  const add = (pieces: PieceReader, total: number, offset: number, bytes = 16) => {
    words[0] = (Piece.bytes * 4 + bytes) | (Kind.piece << 24);
    words[Piece.total] = total;
    words[Piece.offset] = offset;
    return pieces.add(words, 0)?.length;
  };
  const pieces = new PieceReader();
  t.deepEqual([add(pieces, 32, 0), add(pieces, 32, 16)], [undefined, 8]);
  t.deepEqual([add(pieces, 48, 0), add(pieces, 48, 32), add(pieces, 48, 16)], [undefined, undefined, undefined]);
  t.deepEqual([add(pieces, 48, 0), add(pieces, 32, 16)], [undefined, undefined]);
  t.deepEqual([add(pieces, 24, 0), add(pieces, 24, 16)], [undefined, undefined]);
  t.deepEqual([add(pieces, MESSAGE_BYTES_MAX + 8, 0), add(pieces, 16, 0)], [undefined, 4]);
});

test('outbox: the largest message -> passes the smallest mailbox, though it is larger than the outbox; beside others, as a reply only', (t) => {
  const line = new Line(allocateMailbox(mailboxBytes(64)));
  t.false(line.open(MESSAGE_BYTES_MAX + 8, 1), 'its header could not say its size');
  t.true(MESSAGE_BYTES_MAX > OUTBOX_BYTES_MAX);
  t.true(line.open(MESSAGE_BYTES_MAX, 2));
  t.false(line.open(MESSAGE_BYTES_MAX, 3));
  t.true(line.open(MESSAGE_BYTES_MAX, 4, 1, true));
  t.is(mailboxCounts(line.memory).refused, 2);
  t.deepEqual(line.drain(), [2, 4]);
});

test('mailbox: the largest one -> takes no message whose size does not fit, and begins anew at its middle without a pad of no size', (t) => {
  const memory = allocateMailbox(mailboxBytes(1024 * 1024));
  const writer = new MailboxWriter(memory);
  t.is(writer.messageBytesMax, MESSAGE_BYTES_MAX);
  const line = new Line(memory);
  const half = writer.capacityUnits * 4;
  for (const [stamp, bytes] of [half / 2, half / 2, 64, half - 64 - 8, 40].entries()) {
    t.true(line.open(bytes, stamp + 1));
    line.outgoing.publish();
    t.deepEqual(line.take(), [stamp + 1]);
  }
});
