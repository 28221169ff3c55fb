import test from 'ava';
import { DamagedNodes } from '../../src/core/damaged-nodes.js';

test('damaged nodes: fewer than N at a time may salvage -> one that counts again makes room for another', (t) => {
  const counting = new Set<number>();
  const damaged = new DamagedNodes(3, (node) => counting.has(node));
  damaged.add(4);
  t.true(damaged.maySalvage(5));
  t.true(damaged.maySalvage(5), 'the same once more');
  t.false(damaged.maySalvage(6));
  counting.add(4);
  t.true(damaged.maySalvage(6));
  counting.clear();
  t.false(damaged.maySalvage(4));
  t.false(new DamagedNodes(1, () => true).maySalvage(0));
});
