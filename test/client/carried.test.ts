/** Values that would not come back as they are: refused, and only they. */
import test from 'ava';
import { failsWith, openSmall, shareStore } from './store-fixture.js';

const store = shareStore(test);

test('a value: with a key __proto__ at any depth, which would come back as another -> KV_INVALID_VALUE; the word elsewhere is taken', async (t) => {
  const polluting: object = JSON.parse('{"__proto__":{"admin":true},"name":"Ann"}');
  const cycle: { self?: unknown; deep: unknown } = { deep: polluting };
  cycle.self = cycle;
  const within = [[polluting], { deep: [polluting] }, new Map([['a', polluting]]), new Map([[polluting, 1]]), cycle];
  for (const value of [polluting, ...within, new Set([polluting]), { deep: { deep: polluting } }]) {
    await failsWith(t, 'KV_INVALID_VALUE', () => store().put('v', value), /key '__proto__'/);
    await failsWith(t, 'KV_INVALID_VALUE', () => store().putMany([['v', value]]), /key '__proto__'/);
  }
  for (const value of [
    { key: '__proto__' },
    new Map([['__proto__', 1]]),
    ['i__proto__'],
    { i__proto__: 1 },
    { __proto_: 1 },
  ]) {
    await store().put('v', value, { w: 3 });
    t.deepEqual(await store().get('v'), value);
  }
});

test('a value: that shares more objects than CBOR’s references can tell apart -> KV_INVALID_VALUE; as many as they can, the same', async (t) => {
  const large = await openSmall(t, { n: 1, nodes: 1, memoryBytes: 64 * 2 ** 20, pairBytesMax: 2 ** 20 });
  const sharing = (count: number) => {
    const objects = Array.from({ length: count }, () => []);
    return [...objects, ...objects];
  };
  await failsWith(t, 'KV_INVALID_VALUE', () => large.put('v', sharing(65_537)), /more than 65535 objects/);
  await large.put('v', sharing(65_535));
  const found = (await large.get('v')) as unknown[];
  t.is(found.length, 2 * 65_535);
  t.true(found.every((one, index) => index < 65_535 || one === found[index - 65_535]));
});

test('a value: with a map or set that holds itself, which would come back without -> KV_INVALID_VALUE; one on another’s cycle, or shared, the same', async (t) => {
  const map = new Map<unknown, unknown>([['a', 1]]);
  map.set('deep', { deep: [map] });
  const asKey = new Map<unknown, unknown>();
  asKey.set(asKey, 1);
  const set = new Set<unknown>();
  set.add(new Map([['set', set]]));
  for (const value of [map, asKey, set, { map }, [1, [set]]]) {
    await failsWith(t, 'KV_INVALID_VALUE', () => store().put('itself', value), /a map or set in it holds itself/);
    await failsWith(
      t,
      'KV_INVALID_VALUE',
      () => store().putMany([['itself', value]]),
      /a map or set in it holds itself/,
    );
  }
  const object: { map: Map<string, unknown>; set: Set<unknown> } = { map: new Map(), set: new Set() };
  object.map.set('object', object);
  object.set.add([object]);
  const both = new Map([['both', new Set([1])]]);
  for (const value of [object, [object.map.get('object'), object.map], [both, both, { both }]]) {
    await store().put('itself', value, { w: 3 });
    t.deepEqual(await store().get('itself'), value);
  }
});
