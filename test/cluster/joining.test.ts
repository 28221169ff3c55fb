/** Hosts as processes that are started at the same moment, as by one compose file. */
import test from 'ava';
import { overlaps } from '../../src/core/host-claims.js';
import { Cluster } from './cluster.js';

const HOSTS = 5;
/** Room of each: some need more than one step of the index. */
const ROOMS = [3, 40, 2, 70, 33];

test('joining: five hosts started at once, each by another seed and with rooms of many sizes -> all are in', async (t) => {
  t.timeout(180_000);
  const cluster = await Cluster.make({
    places: HOSTS,
    nodesPerHost: 1,
    network: 'loopback',
    tell: (what) => t.log(what),
    // the founder by itself, the others by the one before them
    own: (place) => ({ seeds: cluster.network.advertise(Math.max(0, place - 1)), nodesMax: ROOMS[place] }),
  });
  t.teardown(() => cluster.close());
  await cluster.startAll([0, 1, 2, 3, 4]);
  await cluster.whole();
  const nodes = (await cluster.hosts[0].look()).members.map(({ node, host }) => ({ node, host }));
  // the range of each begins at its first node
  const ranges = cluster.hosts.map(({ name }, place) => ({
    first: nodes.find(({ host }) => host === name)?.node ?? -1,
    room: ROOMS[place],
  }));
  for (const [place, range] of ranges.entries()) {
    t.true(range.first >= 0, `host-${place} has a member`);
    for (const other of ranges.slice(place + 1)) t.false(overlaps(range, other), JSON.stringify([range, other]));
  }
  const refused = cluster.hosts.flatMap(({ events }) => events.filter((event) => event.includes('range')));
  t.deepEqual(refused, []);
  await cluster.hosts[4].ask('put', { key: 'k', value: 'v' });
  t.is(await cluster.hosts[1].ask('get', { key: 'k' }), 'v');
});
