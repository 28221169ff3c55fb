import test from 'ava';
import {
  askedDurability,
  DurabilityCode,
  isLocal,
  isZoned,
  packOptions,
  packQuorum,
  quorumOf,
  replicasOfHost,
  withEpoch,
  zoneQuorumOf,
} from '../../src/protocol/outcome.js';

test('options word: a plain quorum -> its number, by no zone', (t) => {
  for (let quorum = 1; quorum <= 9; quorum++) {
    const options = withEpoch(packOptions(packQuorum(quorum), DurabilityCode.sync, 0), 77);
    t.is(quorumOf(options), quorum);
    t.false(isZoned(options));
    t.false(isLocal(options));
    t.is(replicasOfHost(packQuorum(quorum)), quorum);
  }
});

test('options word: a quorum by zone, under an epoch -> the same quorum, and the durability beside it', (t) => {
  for (const quorum of ['local-quorum', 'each-quorum', { local: 1 }, { local: 9 }] as const) {
    const options = withEpoch(packOptions(packQuorum(quorum), DurabilityCode.sync, 0), 0xffff);
    t.true(isZoned(options));
    t.deepEqual(zoneQuorumOf(options), quorum);
    t.is(isLocal(options), quorum !== 'each-quorum');
    t.is(askedDurability(options), DurabilityCode.sync);
    t.is(replicasOfHost(packQuorum(quorum)), typeof quorum === 'object' ? quorum.local : 0);
  }
});
