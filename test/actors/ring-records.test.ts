/** What a ring keeper keeps of a ring: the largest too, and what an earlier version has left is read. */
import { isDeepStrictEqual as isSame } from 'node:util';
import test from 'ava';
import { acceptedFrom, acceptedToPlain, loadRing, loadVote, saveRing, saveVote } from '../../actors/ring-records.js';
import { PrivateKind, privateKey, putPrivate } from '../../src/actor/private-record.js';
import { RING_BYTES_MAX } from '../../src/core/ring.js';
import { packRing } from '../../src/core/ring-packing.js';
import { ringToPlain } from '../../src/core/ring-state.js';
import { encodeBody } from '../../src/protocol/body.js';
import { Random } from '../../src/sim/random.js';
import { largeRing } from '../core/packed-rings.js';
import { StorageNode, testFolder } from '../storage/node-fixture.js';

const random = new Random(1);
const ringOn = (hosts: number, partitions: number) =>
  largeRing({ hosts, kind: 'failure-domain', partitions, n: 9, below: (end) => random.below(end) });
const BALLOT = { round: 0xffff_ffff, node: 4_094, life: 0xffff_ffff };

test('ring records: 4,096 partitions of nine replicas, all on the move -> kept, and voted for', async (t) => {
  const ring = ringOn(250, 4_096);
  t.true(packRing(ring).length > 100_000);
  const acceptor = { promised: BALLOT, accepted: { ballot: BALLOT, value: ring } };
  let node = await StorageNode.open(t, testFolder(t));
  t.true(saveRing(node.engine, ring));
  t.true(saveVote(node.engine, 99_999, acceptor, false));
  node.endTurn();
  const isKept = () =>
    isSame(loadRing(node.engine), ring) && isSame(loadVote(node.engine, 99_999), { acceptor, isForgetful: false });
  t.true(isKept());
  await node.flush();
  node = await node.reopen(t);
  t.true(isKept());
});

test('ring records: the largest ring -> its vote, and the promise that tells of it, fit into a body', (t) => {
  const accepted = { ballot: BALLOT, value: new Uint8Array(RING_BYTES_MAX) };
  const reply = { ballot: BALLOT, granted: false, promised: BALLOT, accepted };
  t.notThrows(() => encodeBody({ base: Number.MAX_SAFE_INTEGER, promised: BALLOT, accepted, isForgetful: false }));
  t.notThrows(() => encodeBody({ base: Number.MAX_SAFE_INTEGER, reply }));
  t.throws(() => encodeBody({ base: 1, reply, more: new Uint8Array(1_024) }), { code: 'KV_PROTOCOL' });
});

test('ring records: ring and vote as an earlier version has left them, as plain data -> read', async (t) => {
  const ring = ringOn(20, 16);
  const node = await StorageNode.open(t, testFolder(t));
  const vote = {
    base: 7,
    promised: BALLOT,
    accepted: { ballot: BALLOT, value: ringToPlain(ring) },
    isForgetful: false,
  };
  t.true(putPrivate(node.engine, privateKey(PrivateKind.ringMap), encodeBody(ringToPlain(ring))));
  t.true(putPrivate(node.engine, privateKey(PrivateKind.promise), encodeBody(vote)));
  node.endTurn();
  t.deepEqual(loadRing(node.engine), ring);
  t.deepEqual(loadVote(node.engine, 7).acceptor.accepted, { ballot: BALLOT, value: ring });
});

test('ring records: what was accepted -> as it travels and back it is the same; nothing stays nothing', (t) => {
  const accepted = { ballot: BALLOT, value: ringOn(20, 16) };
  t.deepEqual(acceptedFrom(acceptedToPlain(accepted)), accepted);
  t.is(acceptedToPlain(undefined), undefined);
});
