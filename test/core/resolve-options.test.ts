import test from 'ava';
import { nodesOf, resolveOptions } from '../../src/core/resolve-options.js';

for (const cores of [1, 8, 64, 200]) {
  test(`options: ${cores} cores, nothing given -> the room that a host claims is the room that it has`, (t) => {
    const { nodes, nodesMax } = resolveOptions({}, { cores, newHostId: () => 'h' });
    t.deepEqual({ nodes, nodesMax }, nodesOf({}, cores));
    t.true(nodes >= 3 && nodesMax >= nodes && nodesMax <= 128);
  });
}

test('options: nodes or room given -> taken as they are, the room follows the nodes', (t) => {
  t.deepEqual(nodesOf({ nodes: 40 }, 2), { nodes: 40, nodesMax: 45 });
  t.deepEqual(nodesOf({ nodes: 2, nodesMax: 9 }, 64), { nodes: 2, nodesMax: 9 });
});
