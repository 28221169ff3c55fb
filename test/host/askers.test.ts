import test from 'ava';
import { Askers } from '../../src/host/askers.js';

const nobody = (): boolean => false;

test('askers: several hosts ask at once -> each has a place of its own, the same again when it asks again', (t) => {
  const askers = new Askers();
  t.deepEqual(
    ['a', 'b', 'a', 'c'].map((host) => askers.before(host, nobody, 0)),
    [0, 1, 0, 2],
  );
});

test('askers: one is known by now, or never came -> it stands in nobody’s way', (t) => {
  const askers = new Askers();
  askers.before('a', nobody, 0);
  t.is(
    askers.before('b', (host) => host === 'a', 1),
    0,
  );
  t.is(askers.before('c', nobody, 500_000), 0);
});
