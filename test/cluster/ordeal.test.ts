import test from 'ava';
import { ordeal } from './ordeal.js';

test('hosts: five processes under load, one killed, links cut one way, held up, split and reset -> all that was promised holds', async (t) => {
  t.timeout(240_000);
  const report = await ordeal({
    seed: 11,
    network: 'loopback',
    nodesPerHost: 1,
    faultMs: 1_000,
    faults: ['kill', 'cut one way', 'disturb'],
    tell: (what) => t.log(what),
  });
  t.deepEqual(report.violations, []);
  t.true(report.rows.every(({ acknowledged, reads }) => acknowledged > 0 && reads > 0));
});
