import test from 'ava';
import fc from 'fast-check';
import { addressOf, Role } from '../../src/actor/address.js';
import { checkMessage } from '../../src/bridge/message-check.js';
import { REFUSAL_REASONS, type RefusalReason } from '../../src/bridge/refusal.js';
import { Head } from '../../src/protocol/header.js';
import { MESSAGES, type MessageName } from '../../src/protocol/messages.js';
import { clientOf, coordinatorOf, fetchOf, gossipOf, messageOf, vnodeOf } from './bridge-fixture.js';

/** This host has nodes 0 to 31, the peer 32 to 63. */
const border = { own: { first: 0, room: 32 }, peer: { first: 32, room: 32 } };
const check = (words: Int32Array, room = words.length * 4) => checkMessage(words, 0, room, border);
const fetch = () => fetchOf(1, 104, [32, 0]);

function changed(words: Int32Array, change: (words: Int32Array) => void): Int32Array {
  change(words);
  return words;
}

const sized = (bytes: number) =>
  changed(fetch(), (words) => {
    words[Head.size] = (words[Head.size] & ~0xff_ff_ff) | bytes;
  });
const named = (from: number, to: number, name: MessageName = 'fetch') => messageOf(name, { from, to, bytes: 104 });
const gossipWith = (...body: number[]) =>
  changed(messageOf('gossip', { from: gossipOf(32), to: gossipOf(0), bytes: 64 }), (words) => {
    words[4] = body.length;
    new Uint8Array(words.buffer).set(body, 20);
  });
const replicateOf = (size: number, keyBytes: number, valueBytes: number) =>
  changed(messageOf('replicate', { from: coordinatorOf(32), to: vnodeOf(0), bytes: 24 + 80 }), (words) => {
    words[6] = size;
    words[8] = keyBytes;
    words[9] = valueBytes;
  });

const CASES: readonly (readonly [what: string, words: Int32Array, reason: RefusalReason | undefined])[] = [
  ['a fetch of a peer', fetch(), undefined],
  ['a read of its client', named(clientOf(3), coordinatorOf(0), 'read'), undefined],
  ['an answer to an own client', messageOf('answered', { from: coordinatorOf(40), to: clientOf(255) }), undefined],
  ['an empty message', sized(0), 'message-size'],
  ['a message longer than the frame', sized(112), 'message-size'],
  ['a message of odd length', sized(100), 'message-size'],
  ['a message shorter than its fields', sized(24), 'message-size'],
  ['tag 0', changed(fetch(), (words) => words.set([104])), 'message-kind'],
  ['an unknown tag', changed(fetch(), (words) => words.set([104 | (200 << 24)])), 'message-kind'],
  ['a pad', changed(fetch(), (words) => words.set([104 | (MESSAGES.pad.tag << 24)])), 'not-exported'],
  ['a mint', named(coordinatorOf(32), vnodeOf(0), 'mint'), 'not-exported'],
  ['a hint', named(vnodeOf(32), addressOf(Role.hintKeeper, 0, 0), 'hint'), 'not-exported'],
  ['a fetch by a client', named(clientOf(3), vnodeOf(0)), 'not-exported'],
  ['a gossip in the name of a role of 15', named(0xf000_0000 | 0, gossipOf(0), 'gossip'), 'not-exported'],
  ['in the name of an own node', named(coordinatorOf(3), vnodeOf(0)), 'sender'],
  ['in the name of a third host', named(coordinatorOf(64), vnodeOf(0)), 'sender'],
  ['in the name of a seat that no host has', named(clientOf(256), coordinatorOf(0), 'read'), 'sender'],
  ['to a node of a third host', named(coordinatorOf(32), vnodeOf(64)), 'receiver'],
  ['to a client of a third host', named(coordinatorOf(32), clientOf(256), 'answered'), 'receiver'],
  ['a key that ends within', changed(fetch(), (words) => words.set([72], 7)), undefined],
  ['a key that does not', changed(fetch(), (words) => words.set([73], 7)), 'message-size'],
  ['a record that fits', replicateOf(80, 10, 30), undefined],
  ['a record larger than its message', replicateOf(88, 10, 30), 'message-size'],
  ['a record smaller than what is in it', replicateOf(80, 10, 31), 'message-size'],
  ['a body of plain CBOR', gossipWith(0x81, 0xf6), undefined],
  ['a body of a CBOR array of 4 billion', gossipWith(0x9a, 0xff, 0xff, 0xff, 0xff), 'message-size'],
];
for (const [what, words, reason] of CASES) {
  test(`message check: ${what} -> ${reason ?? 'passes'}`, (t) => {
    t.is(check(words), reason);
  });
}

test('message check: a body that claims more than there is -> refused', (t) => {
  const words = messageOf('gossip', { from: gossipOf(32), to: gossipOf(0), bytes: 64 });
  for (const length of [45, -1, 0x7fff_ffff]) {
    words[4] = length;
    t.is(check(words), 'message-size');
  }
});

test('message check: any words -> passes or names a reason', (t) => {
  fc.assert(
    fc.property(fc.int32Array({ minLength: 4, maxLength: 60 }), fc.nat(60), (words, units) => {
      const reason = check(words, Math.min(words.length * 4, units * 8));
      t.true(reason === undefined || REFUSAL_REASONS.includes(reason));
    }),
  );
});
