/** Who is sent a write, and who counts: one coordinator seen from outside. */
import test from 'ava';
import { addressOf, nodeOf, Role } from '../../src/actor/address.js';
import type { ErrorCode } from '../../src/core/errors.js';
import { epoch, nodeIndex } from '../../src/core/ids.js';
import { Phase, type RingState } from '../../src/core/ring-state.js';
import { StandIn } from '../../src/protocol/hint-messages.js';
import { Answer, Kind, Replicate, Replicated, Written } from '../../src/protocol/messages.js';
import { DurabilityCode, failure, fallbacksOf, replicasOf, success } from '../../src/protocol/outcome.js';
import {
  codeOf,
  fetchDraft,
  readDraft,
  replicateDraft,
  replicatedDraft,
  type WriteOrder,
  writeDraft,
} from '../../src/sim/messages.js';
import { type Sent, SimEnv, type SimEnvOptions, settledRing } from '../sim/sim-env.js';
import { plain } from './sets.js';

type Reply = ErrorCode | { readonly replicas: number; readonly fallbacks: number };

/** One write on node 0, or another; nodes 0, 1, 2 are primaries, others may stand in. */
class Case {
  readonly env: SimEnv;
  readonly sent: Sent[];

  constructor(
    order: Partial<WriteOrder> = {},
    options: SimEnvOptions = {},
    away: Partial<Record<'down' | 'suspected', number[]>> = {},
  ) {
    this.env = new SimEnv({ spares: 2, ...options });
    for (const node of away.down ?? []) this.env.down.add(node);
    for (const node of away.suspected ?? []) this.env.suspected.add(node);
    this.env.pass(100);
    const draft = writeDraft({ key: 'k', value: 'v', w: 2, deadlineMs: this.env.nowMs + 500, ...order });
    this.sent = this.env.deliver(Role.coordinator, draft);
  }

  #to(tag: Kind): number[] {
    return this.sent.filter((message) => message.tag === tag).map(({ to }) => nodeOf(to));
  }

  get replicas(): number[] {
    return this.#to(Kind.replicate);
  }

  /** Nodes that stand in, and for whom. */
  get standIns(): number[][] {
    return this.sent
      .filter(({ tag }) => tag === Kind.standIn)
      .map(({ to, view }) => [nodeOf(to), view.words[StandIn.target]]);
  }

  get reply(): Reply | undefined {
    const replies = this.sent.filter(({ tag }) => tag === Kind.written);
    if (replies.length > 1) throw new Error('a write was answered twice');
    return replies.map(({ view }) => {
      const outcome = view.u32(Written.outcome);
      const code = codeOf(outcome);
      if (code !== undefined) return code;
      return { replicas: replicasOf(outcome), fallbacks: fallbacksOf(outcome) };
    })[0];
  }

  answer(node: number, outcome = success(1, DurabilityCode.interval)): this {
    const asked = this.sent.find(({ tag, to }) => [Kind.replicate, Kind.standIn].includes(tag) && nodeOf(to) === node);
    if (asked === undefined) throw new Error(`node ${node} was not asked`);
    const draft = replicatedDraft(outcome, asked.view.words[Replicate.mark]);
    const from = addressOf(Role.vnode, node, 0);
    this.sent.push(...this.env.deliver(Role.coordinator, draft, { from, request: asked.request }));
    return this;
  }

  get hints(): number {
    return this.env.hints.hints;
  }
}

test('targets: all primaries are trusted -> nobody stands in, in either mode', (t) => {
  for (const available of [false, true]) {
    const write = new Case({ available });
    t.deepEqual([write.replicas, write.standIns, write.hints], [[1, 2], [], 0]);
  }
});

test('targets: a primary is suspected -> the next node of the walk takes its place, and counts when that is asked for', (t) => {
  const sloppy = new Case({ w: 3, available: true }, {}, { suspected: [1] });
  t.deepEqual([sloppy.replicas, sloppy.standIns], [[2], [[3, 1]]]);
  t.is(sloppy.answer(2).reply, undefined);
  t.deepEqual(sloppy.answer(3).reply, { replicas: 2, fallbacks: 1 });
  const strict = new Case({ w: 2 }, {}, { suspected: [1] });
  t.deepEqual([strict.replicas, strict.standIns], [[2], [[3, 1]]]);
  t.is(strict.answer(3).reply, undefined);
  t.deepEqual(strict.answer(2).reply, { replicas: 2, fallbacks: 1 });
});

test('targets: strict, and W needs a suspect -> it is asked after all, as long as it may be up', (t) => {
  const write = new Case({ w: 3 }, {}, { suspected: [1] });
  t.deepEqual([write.replicas, write.standIns], [[1, 2], []]);
  t.is(new Case({ w: 3 }, {}, { down: [1] }).reply, 'KV_UNAVAILABLE');
});

test('targets: sloppy, all others are suspected and nobody can stand in -> they are asked after all', (t) => {
  const write = new Case({ w: 2, available: true }, { spares: 0 }, { suspected: [1, 2] });
  t.deepEqual([write.replicas, write.standIns], [[1, 2], []]);
  t.deepEqual(write.answer(2).reply, { replicas: 2, fallbacks: 0 });
});

test('targets: the walk has none left -> the hint is in the log with the coordinator’s own copy', (t) => {
  const write = new Case({ w: 2, available: true }, { spares: 0 }, { down: [1] });
  t.deepEqual([write.replicas, write.standIns, write.hints], [[2], [], 1]);
  t.is(write.env.disk.log.length, 2);
  t.deepEqual(write.answer(2).reply, { replicas: 2, fallbacks: 0 });
  t.is(write.hints, 1);
});

test('targets: a node that is no primary -> refuses under a strict quorum, stands in under a sloppy one', (t) => {
  t.is(new Case({ w: 1 }, { node: 3 }).reply, 'KV_UNAVAILABLE');
  const write = new Case({ w: 3, available: true }, { node: 3 }, { down: [1] });
  t.deepEqual([write.replicas, write.standIns, write.hints], [[0, 2], [], 1]);
  t.deepEqual(write.answer(0).answer(2).reply, { replicas: 2, fallbacks: 1 });
});

test('targets: a node that is no primary, and no primary is away -> its own copy does not count', (t) => {
  const write = new Case({ w: 3, available: true }, { node: 3 });
  t.deepEqual(write.replicas, [0, 1, 2]);
  t.is(write.answer(0).answer(1).reply, undefined);
  t.deepEqual(write.answer(2).reply, { replicas: 3, fallbacks: 1 });
});

test('targets: a primary refuses behind the answer, or the stand-in does -> the coordinator hints it', (t) => {
  const late = new Case({ w: 2 });
  t.deepEqual(late.answer(1).reply, { replicas: 2, fallbacks: 0 });
  t.is(late.answer(2, failure('KV_STORAGE_FULL')).hints, 1);
  const standIn = new Case({ w: 2 }, {}, { down: [1] });
  standIn.answer(2).answer(3, failure('KV_OVERLOADED'));
  t.is(standIn.hints, 1);
  const held = new Case({ w: 2 }, {}, { down: [1] });
  t.is(held.answer(2).answer(3).hints, 0);
});

test('targets: more writes linger than there is room for -> the oldest are hinted, and none is refused', (t) => {
  const env = new SimEnv();
  env.pass(100);
  for (let i = 0; i < 70; i++) {
    const sent = env.deliver(Role.coordinator, writeDraft({ key: `k${i}`, value: 'v', w: 1, deadlineMs: 5_000 }));
    const [written] = sent.filter(({ tag }) => tag === Kind.written);
    t.is(codeOf(written.view.u32(Written.outcome)), undefined);
  }
  t.is(env.hints.hints, 6 * 2);
});

/** The only partition goes from nodes 0, 1, 2 to 1, 2, 3. */
function movingRing(phase: Phase): RingState {
  const ring = settledRing(3, 1);
  const { members, failureDomain } = ring;
  const next = [[1, 2, 3].map(nodeIndex)];
  const move = { id: 2, kind: 'join' as const, members, failureDomain, next, phases: [phase], gone: [] };
  return { ...ring, epoch: epoch(2), changedAt: [2], begunAt: [2], move };
}

test('targets: a partition moves -> W of the old list and W of the new', (t) => {
  for (const phase of [Phase.filling, Phase.handingOver]) {
    const ring = movingRing(phase);
    const write = new Case({ w: 2, epoch: 2 }, { ring });
    t.deepEqual(write.replicas, [1, 2, 3]);
    t.is(write.answer(3).reply, undefined);
    t.deepEqual(write.answer(1).reply, { replicas: 3, fallbacks: 0 });
    t.is(new Case({ w: 2, epoch: 2 }, { ring }, { down: [2, 3] }).reply, 'KV_UNAVAILABLE');
  }
});

/** Nodes 0 and 1 are in the east, the others in the west. */
function zoned(ring: RingState): RingState {
  const members = ring.members.map((member) => ({ ...member, zone: member.node < 2 ? 'east' : 'west' }));
  return { ...ring, members, ...(ring.move && { move: { ...ring.move, members } }) };
}

test('targets: a partition moves, a quorum by zone -> the zone’s replicas of the old list and of the new', (t) => {
  const ring = zoned(movingRing(Phase.filling));
  const local = new Case({ zones: 'local-quorum', epoch: 2 }, { ring });
  t.deepEqual(local.replicas, [1, 2, 3]);
  t.is(local.answer(2).answer(3).reply, undefined);
  t.deepEqual(local.answer(1).reply, { replicas: 4, fallbacks: 0 });
  const each = new Case({ zones: 'each-quorum', epoch: 2 }, { ring });
  t.is(each.answer(1).answer(2).reply, undefined);
  t.deepEqual(each.answer(3).reply, { replicas: 4, fallbacks: 0 });
  t.is(new Case({ zones: 'each-quorum', epoch: 2 }, { ring }, { down: [3] }).reply, 'KV_UNAVAILABLE');
  t.is(new Case({ zones: 'local-quorum', epoch: 2 }, { ring }, { down: [1] }).reply, 'KV_UNAVAILABLE');
});

test('targets: a quorum by zone -> nobody who stands in counts, a suspect of another zone is skipped, one that is needed is asked', (t) => {
  const ring = zoned(settledRing(3, 2));
  const far = new Case({ zones: 'local-quorum', available: true }, { ring }, { suspected: [2] });
  t.deepEqual([far.replicas, far.standIns], [[1], [[3, 2]]]);
  t.is(far.answer(3).reply, undefined);
  t.deepEqual(far.answer(1).reply, { replicas: 2, fallbacks: 1 });
  const near = new Case({ zones: 'local-quorum' }, { ring }, { suspected: [1] });
  t.deepEqual(near.replicas, [1, 2]);
});

test('targets: a partition moves -> reads ask the old list until the new holders have everything', (t) => {
  for (const [phase, asked] of [
    [Phase.filling, [1, 2]],
    [Phase.handingOver, [1, 2, 3]],
  ] as const) {
    const env = new SimEnv({ ring: movingRing(phase) });
    const sent = env.deliver(Role.coordinator, readDraft({ key: 'k', r: 3, epoch: 2 }));
    t.deepEqual(
      sent.filter(({ tag }) => tag === Kind.fetch).map(({ to }) => nodeOf(to)),
      asked,
    );
  }
});

test('targets: a node that is yet to join, or has left -> takes no write by itself, in either mode', (t) => {
  for (const available of [false, true]) {
    const one = new Case({ available, w: 1 }, { node: 5, ring: settledRing(3) }, { down: [0, 1, 2] });
    t.is(one.reply, 'KV_UNAVAILABLE');
    t.is(one.env.held('k').siblings.length, 0);
  }
});

test('epochs: a request of an older ring than the partition’s last change -> KV_STALE_EPOCH, and nothing is done', (t) => {
  const ring = movingRing(Phase.filling);
  t.is(new Case({ epoch: 1 }, { ring }).reply, 'KV_STALE_EPOCH');
  const env = new SimEnv({ ring });
  const codeIn = (sent: Sent[], word: number) => codeOf(sent[0].view.u32(word));
  t.is(
    codeIn(env.deliver(Role.coordinator, readDraft({ key: 'k', r: 2, epoch: 1 })), Answer.outcome),
    'KV_STALE_EPOCH',
  );
  t.is(codeIn(env.deliver(Role.vnode, replicateDraft('k', plain('a', 1, 'v'))), Replicated.outcome), 'KV_STALE_EPOCH');
  t.is(codeIn(env.deliver(Role.vnode, fetchDraft('k', { epoch: 1 })), Answer.outcome), 'KV_STALE_EPOCH');
  t.is(codeIn(env.deliver(Role.vnode, fetchDraft('k', { epoch: 2 })), Answer.outcome), undefined);
  t.is(env.disk.log.length, 0);
});

test('hints: a key is written again while its record is under way -> the hint stays for the newer one', (t) => {
  const { env } = new Case({ w: 1 }, { n: 2, spares: 0 }, { down: [1] });
  env.down.delete(nodeIndex(1));
  const [first] = env.pass(300).filter(({ tag }) => tag === Kind.replicate);
  t.is(nodeOf(first.to), nodeIndex(1));
  env.down.add(nodeIndex(1));
  env.deliver(Role.coordinator, writeDraft({ key: 'k', value: 'again', w: 1, deadlineMs: 5_000 }));
  const from = addressOf(Role.vnode, 1, 0);
  const taken = replicatedDraft(success(1, DurabilityCode.interval), first.view.words[Replicate.mark]);
  env.deliver(Role.hintKeeper, taken, { from, request: first.request });
  t.is(env.hints.hints, 1);
  env.down.delete(nodeIndex(1));
  const [second] = env.pass(300).filter(({ tag }) => tag === Kind.replicate);
  env.deliver(Role.hintKeeper, taken, { from, request: second.request });
  t.deepEqual([env.hints.hints, env.hints.handedOver], [0, 1]);
});

test('digests: versions are asked for -> the record without its values; nothing for no record', (t) => {
  const env = new SimEnv();
  t.is(env.deliver(Role.vnode, fetchDraft('k', { versionsOnly: true }))[0].view.u32(Answer.detail) & 1, 0);
  env.deliver(Role.vnode, replicateDraft('k', plain('a', 1, 'x'.repeat(5_000))));
  const [{ view }] = env.deliver(Role.vnode, fetchDraft('k', { versionsOnly: true }));
  t.is(view.u32(Answer.detail), 3);
  t.true(view.size < 100);
});
