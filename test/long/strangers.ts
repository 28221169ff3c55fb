/** 10,000 connections that say nothing, to the bridge of a host that serves another: `node dist/test/long/strangers.js`. */
import { STRANGERS_MAX } from '../../src/bridge/limits.js';
import { eventually, FakeHost, fetchOf, ROOM } from '../bridge/bridge-fixture.js';
import { flood } from '../bridge/flood.js';

const COUNT = 10_000;
const ends: (() => unknown)[] = [];
const scope = { teardown: (end: () => unknown) => void ends.push(end) };

const a = await new FakeHost('a').start(scope);
const b = await new FakeHost('b', { index: 1, seeds: [a.address] }).start(scope);
await eventually(() => a.links.has('b'), 'a and b are linked');
const before = process.memoryUsage().arrayBuffers;
const startMs = performance.now();
await flood(a.port, COUNT, async () => {
  const served = a.received.length;
  b.send(fetchOf(1, 104, [ROOM, 0]));
  await eventually(() => a.received.length > served, 'b is served');
});
const { accepted, strangersMost, closed } = a.stats;
const grownBytes = process.memoryUsage().arrayBuffers - before;
const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
console.log(`${accepted} connections in ${seconds} s, at most ${strangersMost} strangers, ${closed.busy} turned out`);
if (strangersMost > STRANGERS_MAX || grownBytes > 64 * 1024 * 1024 || !a.links.has('b')) process.exitCode = 1;
for (const end of ends) await end();
