/** Waits that last for weeks, by a clock of 32 bits: it looks half a lap back after 25 days, and has wrapped after 50. */
import test from 'ava';
import { ChangeWatches, WATCH_IDLE_MS, WATCHES_MAX } from '../../actors/change-watches.js';
import { HintNotes } from '../../actors/hint-notes.js';
import { RingLeavers } from '../../actors/ring-leavers.js';
import { addressOf, Role } from '../../src/actor/address.js';
import { nodeIndex } from '../../src/core/ids.js';
import { bodyMessageBytes, encodeBody, putBody } from '../../src/protocol/body.js';
import { HEADER_WORDS } from '../../src/protocol/header.js';
import { Hint } from '../../src/protocol/hint-messages.js';
import { Kind, Replicate } from '../../src/protocol/messages.js';
import { failure } from '../../src/protocol/outcome.js';
import { type Draft, partsOf, replicateDraft, replicatedDraft } from '../../src/sim/messages.js';
import { SimEnv, settledRing } from '../sim/sim-env.js';
import { plain } from './sets.js';

const DAY_MS = 86_400_000;
const DAYS = Array.from({ length: 16 }, (_, index) => index * 4);

/** Time passes while the node has a turn now and then. */
function passDays(env: SimEnv, days: number): void {
  for (let day = 0; day < days; day++) env.pass(DAY_MS);
}

test('notes: the target was away for long -> the note goes when it has everything, unless it was made again meanwhile', (t) => {
  for (const days of DAYS) {
    const env = new SimEnv({ roles: [] });
    const notes = new HintNotes(env.system);
    const note = { target: 1, partition: 0 };
    notes.keep(note, env.system);
    env.pass(10);
    const beforeMs = env.system.nowMs();
    passDays(env, days);
    env.pass(10);
    notes.repaired(note, env.system.nowMs(), env.system);
    t.is(notes.size, 0, `after ${days} days`);
    notes.keep(note, env.system);
    env.pass(10);
    notes.repaired(note, beforeMs, env.system);
    t.is(notes.size, 1, `made again after ${days} days`);
  }
});

const KEY = 'apple';

/** Tells the hint keeper that node 1 lacks the key. */
const hintDraft: Draft = {
  tag: Kind.hint,
  bytes: Hint.key * 4 + 8,
  fill(words, all, at) {
    const { bytes, hash, slot } = partsOf(KEY);
    words[at + Hint.target] = 1;
    words[at + Hint.keyHash] = hash;
    words[at + Hint.keySlot] = bytes.length | (slot << 16);
    words.fill(0, at + Hint.key, at + Hint.key + 2);
    all.set(bytes, (at + Hint.key) * 4);
  },
};

test('hints: the target was left alone for a moment, and then nobody looked for long -> the next hint goes at once', (t) => {
  for (const days of DAYS) {
    const env = new SimEnv({ roles: [Role.vnode, Role.hintKeeper] });
    env.pass(100);
    env.deliver(Role.vnode, replicateDraft(KEY, plain('a', 1, 'v')));
    env.deliver(Role.hintKeeper, hintDraft);
    const sent = () =>
      [100, 100, 100, 100, 100].flatMap((ms) => env.pass(ms).filter(({ tag }) => tag === Kind.replicate));
    const [{ view, request }] = sent();
    const refusal = replicatedDraft(failure('KV_OVERLOADED'), view.words[view.at + Replicate.mark]);
    env.suspected.add(1);
    env.deliver(Role.hintKeeper, refusal, { from: addressOf(Role.vnode, 1, 0), request });
    env.pass(2 * 3_600_000);
    t.deepEqual([env.hints.hints, env.hints.notes], [0, 1]);
    passDays(env, days);
    env.suspected.delete(1);
    env.deliver(Role.hintKeeper, hintDraft);
    t.is(sent().length, 1, `after ${days} days`);
  }
});

/** A node that has left says that it is done. */
const doneDraft = (node: number): Draft => {
  const body = encodeBody({ epoch: 1, reports: [], done: [node] }).slice();
  return {
    tag: Kind.ringReport,
    bytes: bodyMessageBytes(HEADER_WORDS, body),
    fill: (words, bytes, at) => putBody(words, bytes, at + HEADER_WORDS, body),
  };
};

test('ring keeper: the ring has not changed for long -> the next one is proposed as soon as it may be', (t) => {
  for (const days of DAYS) {
    const ring = { ...settledRing(3), leavers: [nodeIndex(7)] };
    const env = new SimEnv({ ring, roles: [Role.ringKeeper] });
    for (let second = 0; second < 3; second++) env.pass(1_000);
    passDays(env, days);
    env.deliver(Role.ringKeeper, doneDraft(7), { from: addressOf(Role.ringKeeper, 7, 0) });
    t.true(
      env.pass(1_000).some(({ tag }) => tag === Kind.prepare),
      `after ${days} days`,
    );
  }
});

test('ring leavers: a node owes something for long, or its retirement is not decided for long -> it is done, and given up, all the same', (t) => {
  for (const days of DAYS) {
    const ring = { ...settledRing(3), leavers: [nodeIndex(7)] };
    const at = (nowMs: number, isUp: boolean) => ({
      node: nodeIndex(7),
      nowMs: () => nowMs >>> 0,
      placement: { isUp: () => isUp },
    });
    const debts = { owes: true };
    const own = new RingLeavers(debts);
    t.deepEqual(own.done(ring, at(0, true)), []);
    debts.owes = false;
    t.deepEqual(own.done(ring, at(days * DAY_MS + 6_000, true)), [nodeIndex(7)], `after ${days} days`);
    const others = new RingLeavers({ owes: false });
    t.is(others.next(ring, at(0, true)), undefined);
    t.deepEqual(others.next(ring, at(days * DAY_MS + 600_001, false))?.leavers, [], `after ${days} days`);
  }
});

test('watches: nobody has asked, and nothing has changed, for long -> all are over', (t) => {
  for (const days of DAYS) {
    const watches = new ChangeWatches();
    const clock = { nowMs: 0 };
    const begin = (id: number) => watches.begin({ owner: 1, id, partition: 0 }, 14, () => clock.nowMs >>> 0);
    for (let id = 0; id < WATCHES_MAX; id++) t.true(begin(id));
    t.false(begin(WATCHES_MAX));
    clock.nowMs += days * DAY_MS + WATCH_IDLE_MS + 1;
    t.true(begin(WATCHES_MAX), `after ${days} days`);
    t.is(watches.count, 1);
  }
});
