/** A change of the ring by force, on a node whose store has no room for it. */
import test from 'ava';
import { Role } from '../../src/actor/address.js';
import { nodeIndex } from '../../src/core/ids.js';
import { bodyMessageBytes, encodeBody, putBody } from '../../src/protocol/body.js';
import { Kind } from '../../src/protocol/messages.js';
import { ChangeRing, RingChanged } from '../../src/protocol/ring-messages.js';
import { codeOf, type Draft } from '../../src/sim/messages.js';
import { type Sent, SimEnv } from '../sim/sim-env.js';

/** Nodes 1 and 2 are given up. */
function forceDraft(deadlineMs: number): Draft {
  const change = { kind: 'leave', nodes: [1, 2].map(nodeIndex) };
  const body = encodeBody({ change, gone: [1, 2] }).slice();
  return {
    tag: Kind.changeRing,
    bytes: bodyMessageBytes(ChangeRing.body, body),
    fill(words, bytes, at) {
      words[at + ChangeRing.deadline] = deadlineMs;
      words[at + ChangeRing.deadline + 1] = 0;
      putBody(words, bytes, at + ChangeRing.body, body);
    },
  };
}

const answersIn = (sent: readonly Sent[]) =>
  sent.filter(({ tag }) => tag === Kind.ringChanged).map(({ view }) => codeOf(view.u32(RingChanged.outcome)) ?? 'done');

const isToldIn = (sent: readonly Sent[]): boolean => sent.some(({ tag }) => tag === Kind.ringMap);

test('ring keeper: by force, and there is no room for the ring -> the client is told, nobody else; later it is done', (t) => {
  const env = new SimEnv({ n: 1, spares: 3, roles: [Role.ringKeeper] });
  for (const node of [1, 2]) env.down.add(node);
  env.pass(100);
  const force = () => env.deliver(Role.ringKeeper, forceDraft(env.nowMs + 1_000));
  let isFull = true;
  const { store } = env;
  const reserve = store.reserve.bind(store);
  store.reserve = (bytes) => (isFull ? -1 : reserve(bytes));
  const before = env.placement.epoch;
  const refused = force();
  t.deepEqual([answersIn(refused), isToldIn(refused)], [['KV_OVERLOADED'], false]);
  t.deepEqual([env.placement.epoch, env.disk.log.length], [before, env.disk.log.length]);
  isFull = false;
  const done = force();
  t.deepEqual([answersIn(done), isToldIn(done)], [['done'], true]);
  t.true(env.placement.epoch > before);
  const again = new SimEnv({ n: 1, spares: 3, roles: [Role.ringKeeper], disk: env.disk });
  t.is(again.placement.epoch, env.placement.epoch, 'it was on disk');
  t.deepEqual(env.thrown, []);
});
