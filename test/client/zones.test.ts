import test from 'ava';
import { failsWith, openSmall, shareStore } from './store-fixture.js';

const store = shareStore(test);
const FORMS = ['local-quorum', 'each-quorum', { local: 1 }, { local: 3 }] as const;

test('quorum by zone: every form, in a store of one zone -> writes and reads go as by number', async (t) => {
  for (const [index, form] of FORMS.entries()) {
    const { replicas } = await store().put(`key-${index}`, index, { w: form });
    t.true(replicas >= (typeof form === 'object' ? form.local : 2));
    t.is(await store().get(`key-${index}`, { r: form }), index);
    t.deepEqual(await store().getMany([`key-${index}`, 'none'], { r: form }), [index, undefined]);
    await store().delete(`key-${index}`, { w: form });
    t.false(await store().has(`key-${index}`, { r: form }));
  }
});

test('quorum by zone: so many local replicas, all on this host -> may be read from memory; a majority by messages', async (t) => {
  await store().put('via', 1, { w: 3 });
  t.is((await store().read('via', { r: { local: 2 } })).via, 'memory');
  for (const form of ['local-quorum', 'each-quorum'] as const) {
    const read = await store().read('via', { r: form });
    t.deepEqual([read.via, read.replicas >= 2], ['messages', true]);
  }
});

test('quorum by zone: update and batches -> take it too', async (t) => {
  await store().putMany([['many', 1]], { w: 'each-quorum' });
  t.is(await store().update('many', (value) => Number(value) + 1, { r: 'local-quorum', w: 'local-quorum' }), 2);
});

test('quorum by zone: what is none, or stands with what it does not go with -> KV_INVALID_OPTION that says what does', async (t) => {
  const bad = ['quorum', { local: 0 }, { local: 4 }, { local: '1' }, {}, null] as never[];
  for (const form of bad) {
    await failsWith(t, 'KV_INVALID_OPTION', () => store().put('k', 1, { w: form }), /local-quorum/);
    await failsWith(t, 'KV_INVALID_OPTION', () => store().read('k', { r: form }), /each-quorum/);
  }
  const available = { mode: 'available' } as const;
  await failsWith(t, 'KV_INVALID_OPTION', () => store().put('k', 1, { w: 'local-quorum', ...available }), /strict/);
  await failsWith(t, 'KV_INVALID_OPTION', () => store().get('k', { r: { local: 1 }, ...available }), /strict/);
  await failsWith(t, 'KV_INVALID_OPTION', () => store().get('k', { r: 'local-quorum', monotonic: true }), /monotonic/);
  await failsWith(
    t,
    'KV_INVALID_OPTION',
    () =>
      store()
        .scan({ r: 'local-quorum' as never })
        .next(),
    /scan/,
  );
});

test('quorum by zone: a store whose mode is available -> refuses it, unless the call is strict', async (t) => {
  const sloppy = await openSmall(t, { mode: 'available' });
  await failsWith(t, 'KV_INVALID_OPTION', () => sloppy.put('k', 1, { w: 'local-quorum' }), /strict/);
  t.is((await sloppy.put('k', 1, { w: 'local-quorum', mode: 'strict' })).fallbacks, 0);
});
