/** What a rolled-back disk alone held is kept within bounds, over lives of the node. */
import test from 'ava';
import fc from 'fast-check';
import { SetAside } from '../../actors/set-aside.js';
import { PrivateKind, pagePrivate, privateKey, putPrivate } from '../../src/actor/private-record.js';
import { SimEnv } from '../sim/sim-env.js';

const LIMITS = { recordsMax: 5, bytesMax: 400 };

/** Runs as one turn of a node. */
function turn<Result>({ store }: SimEnv, run: () => Result): Result {
  store.beginHandler();
  const result = run();
  store.commit();
  store.publish();
  return result;
}

const keysIn = ({ store }: SimEnv): string[] =>
  pagePrivate(store, privateKey(PrivateKind.setAside), { limit: 1_000 }).map(({ key }) =>
    Buffer.from(key.subarray(key[1] === 0xff ? 10 : 3)).toString(),
  );

test('set aside: any records, over any lives -> the newest that fit are kept, in their order, the others are counted', (t) => {
  const records = fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 200 }), restarts: fc.boolean() }), {
    maxLength: 30,
  });
  fc.assert(
    fc.property(records, (list) => {
      const env = new SimEnv();
      let aside = new SetAside(env.store, LIMITS);
      let dropped = 0;
      let expected: { name: string; bytes: number }[] = [];
      for (const [index, { bytes, restarts }] of list.entries()) {
        const name = `k${index}`;
        const kept = turn(env, () => aside.keep(env.store, 7, Buffer.from(name), new Uint8Array(bytes)));
        t.true(kept);
        expected.push({ name, bytes: 10 + name.length + bytes });
        const sum = () => expected.reduce((total, one) => total + one.bytes, 0);
        while (expected.length > LIMITS.recordsMax || sum() > LIMITS.bytesMax) {
          expected = expected.slice(1);
          dropped++;
        }
        if (restarts) {
          dropped -= aside.dropped;
          t.is(dropped, 0);
          aside = new SetAside(env.store, LIMITS);
        }
        t.deepEqual([aside.records, aside.bytes, aside.dropped], [expected.length, sum(), dropped]);
        t.deepEqual(
          keysIn(env),
          expected.map((one) => one.name),
        );
      }
    }),
    { numRuns: 50 },
  );
});

test('set aside: a record kept by an earlier layout -> counts as the oldest', (t) => {
  const env = new SimEnv();
  const old = privateKey(PrivateKind.setAside, Buffer.from('\0\u0007old', 'latin1'));
  turn(env, () => putPrivate(env.store, old, new Uint8Array(10)));
  const aside = new SetAside(env.store, { ...LIMITS, recordsMax: 1 });
  t.is(aside.records, 1);
  turn(env, () => aside.keep(env.store, 7, Buffer.from('new'), new Uint8Array(10)));
  t.deepEqual([keysIn(env), aside.dropped], [['new'], 1]);
});

test('set aside: one of them is damaged -> it is left out, and the node begins with the others', (t) => {
  const env = new SimEnv();
  const before = new SetAside(env.store, LIMITS);
  for (const name of ['a', 'b', 'c']) turn(env, () => before.keep(env.store, 7, Buffer.from(name), new Uint8Array(8)));
  const [, { key }] = pagePrivate(env.store, privateKey(PrivateKind.setAside), { limit: 2 });
  env.store.corrupt.add(`\uffff${Buffer.from(key).toString('latin1')}`);
  t.is(new SetAside(env.store, LIMITS).records, 2);
  t.deepEqual(keysIn(env), ['a', 'c']);
});
