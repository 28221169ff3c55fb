/** Processes that are killed in the midst of a salvage lose nothing that was acknowledged; more kills are in test/long. */
import { join } from 'node:path';
import test from 'ava';
import { makeFolder } from '../client/store-fixture.js';
import { sufferSalvageKills } from './salvage-kills.js';

/** From the note of doubt to the last removal. */
const CHANGES = [2, 12, 21];

test('a salvage: its process is killed again and again -> everything acknowledged is there, and the node counts again', async (t) => {
  const report = await sufferSalvageKills(join(makeFolder(t), 'data'), CHANGES);
  t.log(report);
  t.deepEqual(report.lost, []);
  t.true(report.kills >= 2, `${report.kills} kills in the midst of a salvage`);
  t.true(report.acknowledged > 50);
});
