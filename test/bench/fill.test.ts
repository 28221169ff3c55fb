/** The sustained fill over a Map-backed store: it writes each key once, counts refusals, and notices a lost pair. */
import test from 'ava';
import fc from 'fast-check';
import { fill, walkStep } from '../../bench/sustained/fill.js';
import { openMapStore } from './map-store.js';

const OPTIONS = { pairs: 3_000, depth: 16, sampleMs: 5 };

test('fill: a store that takes everything -> every key once, samples that add up', async (t) => {
  const store = await openMapStore();
  const { samples, refused } = await fill(store, OPTIONS);
  t.is(await store.count(), OPTIONS.pairs);
  t.is(refused, 0);
  t.is(samples.at(-1)?.written, OPTIONS.pairs);
});

test('fill: a store that refuses now and then -> refusals are counted, nothing is lost', async (t) => {
  const store = await openMapStore({ refuseEvery: 10 });
  const { refused } = await fill(store, OPTIONS);
  t.is(await store.count(), OPTIONS.pairs);
  t.true(refused >= OPTIONS.pairs / 10);
});

test('fill: a store that answers wrongly -> fails', async (t) => {
  await t.throwsAsync(fill(await openMapStore({ lieEvery: 100 }), OPTIONS), { message: /holds a lie, not/ });
});

test('fill: the walk -> meets every index once', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5_000 }), (pairs) => {
      const step = walkStep(pairs);
      return new Set(Array.from({ length: pairs }, (_, next) => (next * step) % pairs)).size === pairs;
    }),
  );
  t.pass();
});
