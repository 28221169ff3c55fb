import test from 'ava';
import { StoreError } from '../../src/core/errors.js';
import { nodeIndex, slot } from '../../src/core/ids.js';
import { domainOf, partitionOf, type RingMap, validateRing } from '../../src/core/ring.js';
import { ringOf } from './rings.js';

const codeOf = (map: RingMap): string | undefined => {
  try {
    validateRing(map);
    return undefined;
  } catch (error) {
    return (error as StoreError).code;
  }
};

for (const partitions of [1, 8, 256, 4096, 16_384]) {
  test(`ring: ${partitions} partitions -> equal arcs in the order of the slots`, (t) => {
    const sizes = new Array<number>(partitions).fill(0);
    let last = 0;
    for (let index = 0; index < 16_384; index++) {
      const partition = partitionOf(slot(index), partitions);
      t.true(partition === last || partition === last + 1);
      last = partition;
      sizes[partition]++;
    }
    t.true(sizes.every((size) => size === 16_384 / partitions));
  });
}

test('ring: each level -> names the domain of a member', (t) => {
  const member = { node: nodeIndex(4), host: 'h', machine: 'm', zone: 'z', weight: 1 };
  t.deepEqual(
    (['node', 'host', 'machine', 'zone'] as const).map((level) => domainOf(member, level)),
    ['4', 'h', 'm', 'z'],
  );
});

test('ring: n equals the failure domains -> valid', (t) => {
  t.is(codeOf(ringOf({ weights: [1, 1, 1], n: 3 })), undefined);
});

test('ring: n exceeds the failure domains -> KV_FAILURE_DOMAINS, with what to do', (t) => {
  const map = ringOf({ weights: [1, 1, 1, 1], zones: ['a', 'b', 'a', 'b'], failureDomain: 'zone', n: 3 });
  const error = t.throws(() => validateRing(map), { instanceOf: StoreError });
  t.is(error?.code, 'KV_FAILURE_DOMAINS');
  t.regex(error?.message ?? '', /lower n to 2/);
  t.deepEqual(error?.details, { n: 3, domains: 2, failureDomain: 'zone' });
  const alone = ringOf({ weights: [1, 1], zones: ['a', 'a'], failureDomain: 'zone', n: 2 });
  t.regex(t.throws(() => validateRing(alone))?.message ?? '', /there is 1 failure domain \(zone\)/);
});

const good = ringOf({ weights: [1, 1, 1] });
const [first, ...others] = good.members;
for (const [what, map] of [
  ['partitions not a power of two', { ...good, partitions: 100 }],
  ['no partitions', { ...good, partitions: 0 }],
  ['more partitions than slots', { ...good, partitions: 32_768 }],
  ['n of 0', { ...good, n: 0 }],
  ['n of 1.5', { ...good, n: 1.5 }],
  ['no members', { ...good, members: [] }],
  ['a node twice', { ...good, members: [first, first, ...others] }],
  ['a node out of range', { ...good, members: [{ ...first, node: nodeIndex(4095) }, ...others] }],
  ['a weight of 0', { ...good, members: [{ ...first, weight: 0 }, ...others] }],
  ['a weight that is no number', { ...good, members: [{ ...first, weight: Number.NaN }, ...others] }],
] as const) {
  test(`ring: ${what} -> KV_INVALID_OPTION`, (t) => {
    t.is(codeOf(map as RingMap), 'KV_INVALID_OPTION');
  });
}
