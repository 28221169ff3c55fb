import test from 'ava';
import fc from 'fast-check';
import { MessageView, putHeader } from '../../src/protocol/header.js';
import { HostClock, isPast } from '../../src/runtime/host-clock.js';
import { LocalQueue } from '../../src/runtime/local-queue.js';
import { Timers } from '../../src/runtime/timers.js';

test('timers: set in any order -> due in order of time, none early, none left out', (t) => {
  fc.assert(
    fc.property(fc.array(fc.nat(1_000), { maxLength: 200 }), fc.array(fc.nat(200)), (delays, waits) => {
      const timers = new Timers();
      for (const [token, dueMs] of delays.entries()) timers.add(dueMs, 7, token);
      const fired: number[] = [];
      let nowMs = 0;
      for (const wait of [...waits, 2_000]) {
        nowMs += wait;
        for (let due = timers.takeDue(nowMs); due !== undefined; due = timers.takeDue(nowMs)) {
          t.is(due.address, 7);
          t.true(delays[due.token] <= nowMs);
          fired.push(due.token);
        }
        t.true(timers.untilNextMs(nowMs) > 0);
      }
      t.is(timers.size, 0);
      t.is(timers.untilNextMs(nowMs), Number.POSITIVE_INFINITY);
      t.deepEqual(
        [...fired].sort((a, b) => a - b),
        [...delays.keys()],
      );
      t.deepEqual(
        fired.map((token) => delays[token]),
        [...delays].sort((a, b) => a - b),
      );
    }),
  );
});

test('host clock: deadlines -> past or not, across the wrap of 32 bits too', (t) => {
  t.true(isPast(10, 11));
  t.false(isPast(11, 11));
  t.true(isPast(0xffff_fff0, 5));
  t.false(isPast(5, 0xffff_fff0));
  const clock = new HostClock(HostClock.start());
  t.true(clock.nowMs() < 60_000);
  t.true(Number.isInteger(clock.nowMs()));
});

test('local queue: new, forwarded and truncated messages over several chunks and turns -> in order, where they stand', (t) => {
  const step = fc.record({ words: fc.integer({ min: 2, max: 40_000 }), forwards: fc.boolean(), cut: fc.boolean() });
  fc.assert(
    fc.property(fc.array(fc.array(step, { maxLength: 12 }), { maxLength: 6 }), (turns) => {
      const queue = new LocalQueue();
      const view = new MessageView();
      const mail = new Int32Array(64);
      putHeader(mail, 8, 9, 32, 1, 2, 3);
      const forwarded = new MessageView();
      forwarded.point(mail, Buffer.from(mail.buffer), 8);
      const out = { words: new Int32Array(0), bytes: Buffer.alloc(0), at: 0 };
      let stamp = 0;
      for (const steps of turns) {
        const wanted: { stamp: number; forwards: boolean; bytes: number }[] = [];
        for (const { words, forwards, cut } of steps) {
          const mark = queue.mark;
          stamp++;
          if (forwards) queue.forward(forwarded, 11, stamp, 5, 6);
          else {
            queue.open(out, words * 8, 10, stamp, 5, 6);
            out.words[out.at] = words * 8;
            out.words[out.at + 1] = stamp;
          }
          if (cut) queue.truncate(mark);
          else wanted.push({ stamp, forwards, bytes: forwards ? 32 : words * 8 });
        }
        t.is(queue.length, wanted.length);
        t.true(queue.waitingBytes >= wanted.reduce((sum, { bytes }) => sum + bytes, 0));
        for (const { stamp: to, forwards, bytes } of wanted) {
          t.true(queue.take(view));
          t.deepEqual([view.tag, view.to, view.from, view.request], [forwards ? 11 : 10, to, 5, 6]);
          t.is(view.size, bytes);
          if (!forwards) t.is(view.u32(1), to);
        }
        t.false(queue.take(view));
        t.is(queue.waitingBytes, 0);
        queue.reset();
      }
    }),
    { numRuns: 50 },
  );
});
