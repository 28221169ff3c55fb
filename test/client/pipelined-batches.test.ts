/** Batches beside other writes of their keys: no order is promised, but nothing fails, and a later write stands for a refused item. */
import test from 'ava';
import fc from 'fast-check';
import { codeOf, open, PipelineLab, WAYS } from './pipeline-lab.js';
import { until } from './store-fixture.js';

test('putMany, put of one key: the item is refused -> the put stands for it, and stays', async (t) => {
  const lab = open(t);
  const many = lab.putMany([
    ['k', '0'],
    ['k', '1'],
    ['other', 'x'],
  ]);
  const sent = lab.next();
  const put = lab.put('k', '2');
  lab.refuse(sent, 'KV_STALE_EPOCH');
  await until(() => {
    lab.takeAll();
    return lab.newest('other') === 'x';
  });
  t.deepEqual(await Promise.all([many, put].map(codeOf)), ['ok', 'ok']);
  t.deepEqual(
    lab.held.get('k')?.map(({ value }) => value),
    ['2'],
  );
  t.true(lab.isUsual('k'));
});

for (const one of WAYS) {
  test(`${one}, putMany of one key: both are refused -> each is sent again`, async (t) => {
    const lab = open(t);
    const puts = [lab[one]('k', '0'), lab[one]('k', '1')];
    const many = lab.putMany([['k', '2']]);
    lab.refuseAll();
    let isDone = false;
    const all = Promise.all([...puts, many].map(codeOf)).finally(() => {
      isDone = true;
    });
    await until(() => {
      lab.takeAll();
      return isDone;
    });
    t.deepEqual(await all, ['ok', 'ok', 'ok']);
    t.deepEqual(
      lab.held.get('k')?.map(({ value }) => value),
      ['1', '2'],
    );
    t.true(lab.isUsual('k'));
  });
}

test('any order of writes, batches, moves, refusals and deliveries -> everything ends, and writes are as usual again', async (t) => {
  const batches = fc.record({
    what: fc.constantFrom(...WAYS, 'putMany', 'move', 'take', 'refuse'),
    keys: fc.array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 4 }),
    node: fc.nat(2),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(batches, { minLength: 4, maxLength: 16 }), async (steps) => {
      const lab = new PipelineLab();
      const endings: Promise<unknown>[] = [];
      for (const [at, { what, keys, node }] of steps.entries()) {
        if (what === 'putMany') endings.push(lab.putMany(keys.map((key) => [key, `${at}`])));
        else if (what === 'put' || what === 'putAlone') endings.push(lab[what](keys[0], `${at}`));
        else if (what === 'move') lab.node = node;
        else if (lab.has(node)) {
          const mail = lab.next(node);
          if (what === 'take') lab.take(mail);
          else lab.refuse(mail, 'KV_STALE_EPOCH');
        }
      }
      let left = endings.length;
      const all = Promise.all(endings.map((ending) => ending.finally(() => left--)));
      await until(() => {
        lab.takeAll();
        return left === 0;
      }, 3_000);
      await all;
      const behind = ['a', 'b'].map((key) => lab.put(key, 'behind all'));
      lab.takeAll();
      await Promise.all(behind);
      t.true(lab.isUsual('a') && lab.isUsual('b'));
      lab.close();
    }),
    { numRuns: 200 },
  );
});
