/** What a caller can get wrong in a call on the whole store: drain, repair, restore, changes of the ring, events. */
import test from 'ava';
import type { ChangeOptions, DrainOptions, RepairOptions, StoreChange, StoredRecord } from '../../src/index.js';
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

test('restore: records and siblings of another shape -> named as failed, and the others are written', async (t) => {
  const sibling = { type: 'string', value: Buffer.from('text'), tombstone: false, expiresAtMs: 0, writtenAtMs: 1 };
  const key = Buffer.from('restored');
  const bad: readonly [unknown, string][] = [
    [undefined, 'KV_INVALID_KEY'],
    [{ siblings: [sibling] }, 'KV_INVALID_KEY'],
    [{ key: 'text', siblings: [sibling] }, 'KV_INVALID_KEY'],
    [{ key, siblings: [] }, 'KV_INVALID_VALUE'],
    [{ key }, 'KV_INVALID_VALUE'],
    [{ key, siblings: [{ ...sibling, type: 'xml' }] }, 'KV_INVALID_VALUE'],
    [{ key, siblings: [{ ...sibling, value: 'text' }] }, 'KV_INVALID_VALUE'],
    [{ key, siblings: [{ ...sibling, expiresAtMs: undefined }] }, 'KV_INVALID_VALUE'],
    [{ key, siblings: [{ ...sibling, tombstone: 0 }] }, 'KV_INVALID_VALUE'],
    [{ key, siblings: [{ ...sibling, type: 'cbor', value: Buffer.from([0xff, 0]) }] }, 'KV_INVALID_VALUE'],
  ];
  const good = { key: Buffer.from('good'), siblings: [sibling] };
  const records = [...bad.map(([record]) => record), good].map((record) => wrong<StoredRecord>(record));
  const { written, unchanged, failed } = await store().restore(records);
  t.deepEqual([written, unchanged], [1, 0]);
  t.deepEqual(
    failed.map(({ code }) => code),
    bad.map(([, code]) => code),
  );
  t.is(await store().get('good'), 'text');
  t.is(await store().get(key), undefined);
});

test('changes of the ring: of another shape, that change nothing, with unknown options -> KV_INVALID_OPTION', async (t) => {
  const changes: readonly [unknown, RegExp][] = [
    [undefined, /a change is a join/],
    [{}, /a change is a join/],
    [{ kind: 'jion' }, /a change is a join/],
    [{ kind: 'join', counts: 2 }, /unknown option 'counts'; this call takes kind, count, weight/],
    [{ kind: 'leave' }, /nodes must be a list of the numbers of nodes, not empty/],
    [{ kind: 'leave', nodes: [] }, /not empty/],
    [{ kind: 'leave', nodes: 3 }, /nodes must be a list/],
    [{ kind: 'leave', hosts: 'host-1' }, /hosts must be a list/],
    [{ kind: 'replace' }, /nodes must be a list/],
    [{ kind: 'replace', nodes: [] }, /not empty/],
  ];
  for (const [change, saying] of changes) {
    await failsWith(t, 'KV_INVALID_OPTION', () => store().plan(wrong<StoreChange>(change)), saying);
    await failsWith(t, 'KV_INVALID_OPTION', () => store().change(wrong<StoreChange>(change)), saying);
  }
  const options: readonly [unknown, RegExp][] = [
    [{ forse: true }, /unknown option 'forse'; this call takes onProgress, wait, force/],
    [{ force: 1 }, /force must be true or false/],
    [{ wait: 'no' }, /wait must be true or false/],
    [{ onProgress: 1 }, /onProgress must be a function/],
    [null, /options must be an object/],
  ];
  for (const [given, saying] of options) {
    const change = () => store().change({ kind: 'leave', nodes: [2] }, wrong<ChangeOptions>(given));
    await failsWith(t, 'KV_INVALID_OPTION', change, saying);
  }
  t.is(store().ring().epoch, 1);
});

test('events: a listener that is no function -> KV_INVALID_OPTION', async (t) => {
  await failsWith(t, 'KV_INVALID_OPTION', () => store().on('node-down', wrong(undefined)), /must be a function/);
  await failsWith(t, 'KV_INVALID_OPTION', () => store().off('node-down', wrong('x')), /must be a function/);
});
