/** What a caller can get wrong in a call on the whole store: drain, repair, restore. */
import test from 'ava';
import type { DrainOptions, RepairOptions } from '../../src/index.js';
import { failsWith, shareStore } from './store-fixture.js';

const store = shareStore(test);
/** Something of a wrong type, as plain JavaScript would pass it. */
const wrong = <Type>(value: unknown): Type => value as Type;

test('options of drain and repair: unknown or of another shape -> KV_INVALID_OPTION, and writes go on', async (t) => {
  const bad = (call: () => unknown, saying: RegExp) => failsWith(t, 'KV_INVALID_OPTION', call, saying);
  const drain = (options: unknown) => store().drain(wrong<DrainOptions>(options));
  const repair = (options: unknown) => store().repair(wrong<RepairOptions>(options));
  for (const waitMs of [Number.NaN, -1, '5', null])
    await bad(() => drain({ waitMs }), /waitMs must be a number from 0/);
  await bad(() => drain({ wait: 5 }), /unknown option 'wait'; this call takes waitMs, signal, onProgress/);
  await bad(() => repair({ dryrun: true }), /unknown option 'dryrun'; this call takes partition, dryRun/);
  await bad(() => repair({ dryRun: 'no' }), /dryRun must be true or false/);
  for (const call of [drain, repair]) {
    await bad(() => call(null), /options must be an object/);
    await bad(() => call({ signal: {} }), /AbortSignal/);
    await bad(() => call({ onProgress: 1 }), /onProgress must be a function/);
  }
  await store().put('o', 1);
  t.is(await store().get('o'), 1);
});

test('restore: of what is no iterable, with options of a put -> KV_INVALID_OPTION, no TypeError', async (t) => {
  const bad = (call: () => unknown) => failsWith(t, 'KV_INVALID_OPTION', call);
  for (const records of [undefined, null, 7, {}]) await bad(() => store().restore(wrong(records)));
  await bad(() => store().restore([], wrong({ ttlMs: 1 })));
  await bad(() => store().restore([], wrong(null)));
});
