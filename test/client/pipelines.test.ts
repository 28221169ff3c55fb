/** The order of one thread's writes of one key that are under way together: what is refused or overtaken never wins over a later one. */
import test from 'ava';
import fc from 'fast-check';
import type { WriteOrder } from '../../src/client/writes.js';
import { packClock } from '../../src/core/hybrid-clock.js';
import type { ErrorCode } from '../../src/index.js';
import { codeOf, ORDER, open, PipelineLab, WAYS } from './pipeline-lab.js';
import { until } from './store-fixture.js';

const REFUSALS: readonly ErrorCode[] = ['KV_STALE_EPOCH', 'KV_DEADLINE_EXCEEDED'];

for (const one of WAYS) {
  for (const other of WAYS) {
    for (const code of REFUSALS) {
      test(`${one}, ${other} of one key: the node refuses the first (${code}), takes the second -> that stays, both succeed`, async (t) => {
        const lab = open(t);
        const first = lab[one]('k', '1');
        const sent = lab.next();
        const second = lab[other]('k', '2');
        const behind = lab.next();
        lab.refuse(sent, code);
        lab.take(behind);
        lab.takeAll();
        t.is(lab.newest('k'), '2');
        t.deepEqual(await Promise.all([first, second].map(codeOf)), ['ok', 'ok']);
      });
    }

    test(`${one}, ${other} of one key: another node takes the second before the first is refused -> the second stays`, async (t) => {
      const lab = open(t);
      const first = lab[one]('k', '1');
      const sent = lab.next(0);
      lab.node = 1;
      const second = lab[other]('k', '2');
      lab.take(lab.next(1));
      t.is(await codeOf(second), 'ok');
      lab.refuse(sent, 'KV_STALE_EPOCH');
      lab.takeAll();
      t.is(lab.newest('k'), '2');
      t.is(await codeOf(first), 'ok');
    });

    test(`${one}, ${other} of one key: the former node takes the first behind the second -> the second is newer`, async (t) => {
      const lab = open(t);
      const first = lab[one]('k', '1');
      const sent = lab.next(0);
      lab.node = 1;
      const second = lab[other]('k', '2');
      lab.take(lab.next(1));
      await new Promise((resolve) => setTimeout(resolve, 5));
      lab.take(sent);
      t.deepEqual(await Promise.all([first, second].map(codeOf)), ['ok', 'ok']);
      t.is(lab.newest('k'), '2');
    });

    test(`${one}, ${other} of one key: the second comes while the first pauses -> it stands for both`, async (t) => {
      const lab = open(t);
      const first = lab[one]('k', '1');
      lab.refuse(lab.next(), 'KV_STALE_EPOCH');
      lab.refuse(lab.next(), 'KV_STALE_EPOCH');
      t.is(lab.paused.count, 1);
      const second = lab[other]('k', '2');
      t.is(lab.paused.count, 0);
      lab.takeAll();
      t.deepEqual(await Promise.all([first, second].map(codeOf)), ['ok', 'ok']);
      await new Promise((resolve) => setTimeout(resolve, 20));
      lab.takeAll();
      t.deepEqual(
        lab.held.get('k')?.map(({ value }) => value),
        ['2'],
      );
    });
  }

  test(`${one}: both are refused -> the last one is sent again, for both`, async (t) => {
    const lab = open(t);
    const puts = ['1', '2', '3'].map((value) => lab[one]('k', value));
    lab.writes.batches.flushAll();
    while (lab.mail.length > 0) {
      const mail = lab.mail.splice(0);
      for (const message of mail) lab.refuse(message, 'KV_STALE_EPOCH');
      if (mail.length > 0) break;
    }
    lab.takeAll();
    t.deepEqual(await Promise.all(puts.map(codeOf)), ['ok', 'ok', 'ok']);
    t.deepEqual(
      lab.held.get('k')?.map(({ value }) => value),
      ['3'],
    );
  });

  test(`${one}: writes of other keys follow -> what is refused is sent again`, async (t) => {
    const lab = open(t);
    const first = lab[one]('k', '1');
    const sent = lab.next();
    const others = ['a', 'b'].map((key) => lab[one](key, 'x'));
    lab.refuse(sent, 'KV_STALE_EPOCH');
    lab.takeAll();
    t.deepEqual(await Promise.all([first, ...others].map(codeOf)), ['ok', 'ok', 'ok']);
    t.is(lab.newest('k'), '1');
  });

  for (const [what, later] of [
    ['a context', { ...ORDER, context: [] }],
    ['a smaller W', { ...ORDER, w: 1 }],
    ['a weaker durability', { ...ORDER, durability: 0 }],
  ] as [string, WriteOrder][]) {
    test(`${one}: refused before a write of the key with ${what} -> fails as refused, nothing of it is done`, async (t) => {
      const lab = open(t);
      const first = lab[one]('k', '1');
      const sent = lab.next();
      const second = lab.putAlone('k', '2', later);
      lab.refuse(sent, 'KV_STALE_EPOCH');
      lab.takeAll();
      t.deepEqual(await Promise.all([first, second].map(codeOf)), ['KV_STALE_EPOCH', 'ok']);
      t.is(lab.newest('k'), '2');
    });
  }

  test(`${one}: refused, and the later one of its key fails -> fails as refused`, async (t) => {
    const lab = open(t);
    const first = lab[one]('k', '1');
    const sent = lab.next();
    const second = lab[one]('k', '2');
    const behind = lab.next();
    lab.refuse(sent, 'KV_STALE_EPOCH');
    lab.refuse(behind, 'KV_OVERLOADED');
    t.deepEqual(await Promise.all([first, second].map(codeOf)), ['KV_STALE_EPOCH', 'KV_OVERLOADED']);
    t.is(lab.mail.length, 0);
  });

  test(`${one}: refused, and its deadline comes before the end of the later one -> fails then`, async (t) => {
    const lab = open(t);
    const first = lab[one]('k', '1', { ...ORDER, deadlineMs: 60 });
    const sent = lab.next();
    const second = lab[one]('k', '2');
    lab.refuse(sent, 'KV_STALE_EPOCH');
    t.is(await codeOf(first), 'KV_STALE_EPOCH');
    lab.takeAll();
    t.is(await codeOf(second), 'ok');
    t.is(lab.newest('k'), '2');
  });

  test(`${one}: what was refused has ended -> writes are as usual again`, async (t) => {
    const lab = open(t);
    const first = lab[one]('k', '1');
    const sent = lab.next();
    const second = lab[one]('k', '2');
    t.true(lab.isUsual('k'));
    lab.refuse(sent, 'KV_STALE_EPOCH');
    t.false(lab.isUsual('k'));
    lab.takeAll();
    await Promise.all([first, second]);
    t.true(lab.isUsual('k'));
    const third = lab[one]('k', '3', { ...ORDER, deadlineMs: 200 });
    for (let tries = 0; tries < 2; tries++) lab.refuse(lab.next(), 'KV_STALE_EPOCH');
    t.false(lab.isUsual('k'));
    const timer = setInterval(() => lab.refuseAll(), 1);
    const code = await codeOf(third);
    clearInterval(timer);
    t.is(code, 'KV_STALE_EPOCH');
    t.true(lab.isUsual('k'), 'who sends again has given up');
  });
}

test('a node whose clock is ahead refuses the first as late, takes the second, which may be later -> the second stays', async (t) => {
  const lab = open(t);
  lab.clocks[0] = packClock(Date.now() + 3_000, 0);
  const first = lab.put('k', '1');
  const sent = lab.next();
  const second = lab.put('k', '2', { ...ORDER, deadlineMs: 20_000 });
  const behind = lab.next();
  lab.take(sent);
  lab.take(behind);
  lab.takeAll();
  t.deepEqual(await Promise.all([first, second].map(codeOf)), ['ok', 'ok']);
  t.is(lab.newest('k'), '2');
});

for (const one of WAYS) {
  test(`${one}: refused as late, behind the answer to a batch that was sent later -> fails as refused, for that may have its key`, async (t) => {
    const lab = open(t);
    const first = lab[one]('k', '1');
    const sent = lab.next();
    const behind = [lab.put('k', '2'), lab.put('other', 'x')];
    lab.take(lab.next());
    lab.refuse(sent, 'KV_DEADLINE_EXCEEDED');
    lab.takeAll();
    t.deepEqual(await Promise.all([first, ...behind].map(codeOf)), ['KV_DEADLINE_EXCEEDED', 'ok', 'ok']);
    t.is(lab.newest('k'), '2');
    t.true(lab.isUsual('k'));
  });
}

const step = fc.record({
  what: fc.constantFrom(...WAYS, 'move', 'take', 'refuse'),
  key: fc.constantFrom('a', 'b'),
  node: fc.nat(2),
});

test('any order of writes, moves, refusals and deliveries -> of each key, a later write is newer than those before it', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 24 }), async (steps) => {
      const lab = new PipelineLab();
      const endings: Promise<unknown>[] = [];
      const last = new Map<string, string>();
      for (const [at, { what, key, node }] of steps.entries()) {
        if (what === 'put' || what === 'putAlone') {
          endings.push(lab[what](key, `${at}`));
          last.set(key, `${at}`);
        } else if (what === 'move') lab.node = node;
        else if (lab.has(node)) {
          const mail = lab.next(node);
          if (what === 'take') lab.take(mail);
          else lab.refuse(mail, 'KV_STALE_EPOCH');
        }
      }
      let isDone = false;
      const all = Promise.all(endings).finally(() => {
        isDone = true;
      });
      await until(() => {
        lab.takeAll();
        return isDone;
      });
      await all;
      for (const key of ['a', 'b']) {
        const held = lab.held.get(key) ?? [];
        const byClock = held.toSorted((x, y) => x.clock - y.clock).map(({ value }) => Number(value));
        t.deepEqual(
          byClock,
          byClock.toSorted((x, y) => x - y),
        );
      }
      for (const [key, value] of last) t.is(lab.newest(key), value);
      const behind = lab.put('a', 'behind all');
      lab.takeAll();
      await behind;
      t.true(lab.isUsual('a'));
      lab.close();
    }),
    { numRuns: 300 },
  );
});
