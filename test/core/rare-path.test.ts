/** Rare paths: off, a condition is what it is; on, a simulation forces and counts them, and leaves nothing behind. */
import test from 'ava';
import { RARE_PATHS, rarely, setRareHook } from '../../src/core/rare-path.js';
import { Random } from '../../src/sim/random.js';
import { RarePaths } from '../../src/sim/rare-paths.js';

const [path] = RARE_PATHS;

test.serial('rare paths: no hook -> the condition itself', (t) => {
  setRareHook(undefined);
  t.true(rarely(path, true));
  t.false(rarely(path, false));
});

test.serial('rare paths: under a simulation -> some are forced, all that are reached are counted', (t) => {
  let forced = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const rare = new RarePaths(new Random(seed));
    const taken = rare.within(() => Array.from({ length: 200 }, () => rarely(path, false)).filter(Boolean).length);
    t.is(rare.reached[path] ?? 0, taken);
    forced += taken;
    rare.within(() => t.true(rarely(path, true)));
    t.is(rare.reached[path], taken + 1);
    rare.settle();
    t.false(rare.within(() => Array.from({ length: 200 }, () => rarely(path, false)).some(Boolean)));
  }
  t.true(forced > 0);
  t.false(rarely(path, false), 'nothing is forced behind a simulation');
});

test.serial('rare paths: a run that throws -> takes its hook away', (t) => {
  const rare = new RarePaths(new Random(1));
  t.throws(() =>
    rare.within(() => {
      throw new Error('a run fails');
    }),
  );
  t.false(rarely(path, false));
});
