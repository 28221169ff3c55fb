/** What somebody meant who mistyped a name. */
import test from 'ava';
import fc from 'fast-check';
import { didYouMean, nearestName } from '../../src/core/nearest-name.js';
import { OPTION_SPECS } from '../../src/core/options.js';
import { resolveOptions } from '../../src/core/resolve-options.js';

const NAMES = Object.keys(OPTION_SPECS);

for (const [given, meant] of [
  ['node', 'nodes'],
  ['NODES', 'nodes'],
  ['memorybytes', 'memoryBytes'],
  ['memory_bytes', 'memoryBytes'],
  ['log-bytes-max', 'logBytesMax'],
  ['ndoes', 'nodes'],
  ['partition', 'partitions'],
  ['deadline', 'deadlineMs'],
  ['colour', undefined],
  ['x', undefined],
] as const) {
  test(`nearest name: ${given} -> ${meant ?? 'none'}`, (t) => {
    t.is(nearestName(given, NAMES), meant);
    t.is(didYouMean(given, NAMES), meant === undefined ? '' : `; did you mean '${meant}'?`);
  });
}

test('nearest name: a name itself, or with two neighbours swapped -> that name', (t) => {
  const long = NAMES.filter((name) => name.length >= 8);
  fc.assert(
    fc.property(fc.constantFrom(...long), fc.nat(), (name, place) => {
      const at = place % (name.length - 1);
      const swapped = name.slice(0, at) + name[at + 1] + name[at] + name.slice(at + 2);
      t.is(nearestName(name, NAMES), name);
      t.is(nearestName(swapped, NAMES), name);
    }),
  );
});

test('nearest name: an option of open that is none -> the error names the nearest', (t) => {
  const machine = { cores: 2, newHostId: () => 'host' };
  t.throws(() => resolveOptions({ replica: 3, node: 3 } as object, machine), {
    message: /^unknown option 'replica'; see/,
  });
  t.throws(() => resolveOptions({ node: 3 } as object, machine), {
    message: "unknown option 'node'; did you mean 'nodes'?",
  });
});
