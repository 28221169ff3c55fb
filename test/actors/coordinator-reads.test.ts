import test from 'ava';
import type { CoordinatorState } from '../../actors/coordinator.js';
import { addressOf, nodeOf, Role } from '../../src/actor/address.js';
import type { ErrorCode } from '../../src/core/errors.js';
import { epoch } from '../../src/core/ids.js';
import { mergeSets, type SiblingSet } from '../../src/core/siblings.js';
import { Answer, Fetch, Kind, Replicate } from '../../src/protocol/messages.js';
import { failure, replicasOf, success } from '../../src/protocol/outcome.js';
import { decodeRecord } from '../../src/protocol/record-set.js';
import {
  answerSet,
  codeOf,
  fetchedDraft,
  type ReadOrder,
  readDraft,
  replicateDraft,
  replicatedDraft,
  valuesOf,
} from '../../src/sim/messages.js';
import { type Sent, SimEnv } from '../sim/sim-env.js';
import { joined, plain } from './sets.js';

interface Reply {
  readonly code: ErrorCode | undefined;
  readonly values: readonly (string | null)[];
  readonly replicas: number;
  readonly holders: number;
}

const NOTHING: SiblingSet = { vector: [], siblings: [] };
const OLD = plain('a', 1, 'old');
const NEW = plain('a', 2, 'new');
const OTHER = plain('b', 1, 'other');

/** One read that node 3, which holds nothing itself, coordinates for replicas 0, 1 and 2. */
class ReadCase {
  /** Nodes whose mailbox has no room. */
  readonly full = new Set<number>();
  readonly env = new SimEnv({ node: 3, hasRoom: (to) => !this.full.has(nodeOf(to)) });
  readonly sent: Sent[];

  constructor(order: Partial<ReadOrder>, down: readonly number[] = []) {
    for (const node of down) this.env.down.add(node);
    this.sent = this.env.deliver(
      Role.coordinator,
      readDraft({ key: 'k', r: 2, deadlineMs: this.env.nowMs + 500, ...order }),
    );
  }

  get asked(): number[] {
    return this.sent.filter(({ tag }) => tag === Kind.fetch).map(({ to }) => nodeOf(to));
  }

  /** Replicas that were sent a record, and what it held. */
  get repairs(): [number, (string | null)[]][] {
    return this.sent
      .filter(({ tag }) => tag === Kind.replicate)
      .map(({ to, view }) => [nodeOf(to), valuesOf(decodeRecord(view.words, view.bytes, Replicate.record))]);
  }

  get reply(): Reply | undefined {
    const replies = this.sent.filter(({ tag }) => tag === Kind.answered);
    if (replies.length > 1) throw new Error('a read was answered twice');
    return replies.map(({ view }) => ({
      code: codeOf(view.u32(Answer.outcome)),
      values: valuesOf(answerSet(view)),
      replicas: replicasOf(view.u32(Answer.outcome)),
      holders: codeOf(view.u32(Answer.outcome)) === undefined ? view.u32(Answer.detail) >>> 8 : 0,
    }))[0];
  }

  answer(node: number, held: SiblingSet | ErrorCode): this {
    const [{ request }] = this.sent.filter(({ tag }) => tag === Kind.fetch);
    const isFailure = typeof held === 'string';
    const draft = fetchedDraft('k', isFailure ? failure(held) : success(1, 0), isFailure ? NOTHING : held);
    const from = addressOf(Role.vnode, node, 0);
    this.sent.push(...this.env.deliver(Role.coordinator, draft, { from, request }));
    return this;
  }

  /** A replica confirms, or refuses, the latest repair that it was sent, or the one before that. */
  confirm(node: number, outcome = success(1, 1), before = 0): this {
    const repairs = this.sent.filter(({ tag, to }) => tag === Kind.replicate && nodeOf(to) === node);
    const { request, view } = repairs[repairs.length - 1 - before];
    const from = addressOf(Role.vnode, node, 0);
    const draft = replicatedDraft(outcome, view.words[Replicate.mark]);
    this.sent.push(...this.env.deliver(Role.coordinator, draft, { from, request }));
    return this;
  }

  pass(durationMs: number): this {
    this.sent.push(...this.env.pass(durationMs));
    return this;
  }

  get open(): number {
    return (this.env.system.stateOf(Role.coordinator, 0) as CoordinatorState).reads.open.size;
  }
}

const ok = (values: readonly (string | null)[], replicas: number, holders: number): Reply => ({
  code: undefined,
  values,
  replicas,
  holders,
});
const failed = (code: ErrorCode): Reply => ({ code, values: [], replicas: 0, holders: 0 });

test('coordinator: R of N -> R replicas are asked, and the R-th answer is the reply', (t) => {
  for (const r of [1, 2, 3]) {
    const read = new ReadCase({ r });
    t.is(read.asked.length, r);
    for (let node = 0; node < r; node++) {
      t.is(read.reply, undefined);
      read.answer(node, NEW);
    }
    t.deepEqual(read.reply, ok(['new'], r, r));
    t.is(read.open, 0);
  }
});

test('coordinator: one replica new and two old, in any order -> the newest, not the majority', (t) => {
  for (const newest of [0, 1, 2]) {
    const read = new ReadCase({ r: 3 });
    for (const node of [0, 1, 2]) read.answer(node, node === newest ? NEW : OLD);
    t.deepEqual(read.reply, ok(['new'], 3, 1));
    const others = [0, 1, 2].filter((node) => node !== newest);
    t.deepEqual(read.repairs, others.map((node) => [node, ['new']]) as never);
  }
});

test('coordinator: concurrent writes on the replicas -> all siblings, and each replica gets what it lacks', (t) => {
  const read = new ReadCase({ r: 2 }).answer(0, OLD).answer(1, OTHER);
  t.deepEqual(read.reply?.values.toSorted(), ['old', 'other']);
  t.deepEqual(
    read.repairs.map(([node]) => node),
    [0, 1],
  );
});

test('coordinator: a key that no replica holds, or only one -> nothing, or its record and a repair', (t) => {
  t.deepEqual(new ReadCase({}).answer(0, NOTHING).answer(1, NOTHING).reply, ok([], 2, 2));
  const read = new ReadCase({}).answer(0, NOTHING).answer(1, NEW);
  t.deepEqual(read.reply, ok(['new'], 2, 1));
  t.deepEqual(read.repairs, [[0, ['new']]]);
});

test('coordinator: an answer that comes twice -> counts once', (t) => {
  const read = new ReadCase({ r: 2 }).answer(0, OLD).answer(0, OLD);
  t.is(read.reply, undefined);
  t.deepEqual(read.answer(1, NEW).reply, ok(['new'], 2, 1));
  t.is(read.answer(1, NEW).sent.filter(({ tag }) => tag === Kind.answered).length, 1);
});

test('coordinator: a replica down at the start -> a spare one is asked in its place', (t) => {
  const read = new ReadCase({ r: 2 }, [0]);
  t.deepEqual(read.asked, [1, 2]);
  t.deepEqual(read.answer(1, NEW).answer(2, NEW).reply, ok(['new'], 2, 2));
});

test('coordinator: a replica that is corrupt, full or overloaded -> a spare one is asked in its place', (t) => {
  for (const code of ['KV_CORRUPT', 'KV_OVERLOADED'] as const) {
    const read = new ReadCase({ r: 2 }).answer(0, code);
    t.deepEqual(read.asked, [0, 1, 2]);
    t.deepEqual(read.answer(1, OLD).answer(2, NEW).reply, ok(['new'], 2, 1));
  }
});

test('coordinator: a replica goes down before it answers -> a spare one is asked with the next sweep', (t) => {
  const read = new ReadCase({ r: 2, deadlineMs: 60_000 }).answer(1, NEW);
  read.env.down.add(0);
  t.deepEqual(read.pass(30).asked, [0, 1, 2]);
  t.deepEqual(read.answer(2, NEW).reply, ok(['new'], 2, 2));
});

test('coordinator: a replica keeps a read waiting -> a spare one is asked besides, and two of the three answer', (t) => {
  const read = new ReadCase({ r: 2 });
  read.answer(0, OLD);
  t.deepEqual(read.pass(150).asked, [0, 1]);
  t.deepEqual(read.pass(100).asked, [0, 1, 2]);
  read.answer(2, OLD);
  t.deepEqual(read.reply?.values, ['old']);
});

test('coordinator: the ring changes while a read is open -> whoever is asked from then on is asked under the ring that it began with', (t) => {
  const read = new ReadCase({ r: 2 });
  const { placement } = read.env.system;
  placement.adopt({ ...placement.ring, epoch: epoch(placement.epoch + 1) });
  read.answer(0, 'KV_STALE_EPOCH');
  const asked = read.sent.filter(({ tag }) => tag === Kind.fetch).map(({ view }) => view.u32(Fetch.options) >>> 16);
  t.deepEqual(asked, [placement.epoch - 1, placement.epoch - 1, placement.epoch - 1]);
});

test('coordinator: R out of reach -> fails at once; with KV_CORRUPT where that is why', (t) => {
  t.deepEqual(new ReadCase({ r: 2 }, [0, 1]).reply, failed('KV_READ_QUORUM_UNMET'));
  const overloaded = new ReadCase({ r: 2 }).answer(0, 'KV_OVERLOADED').answer(1, 'KV_OVERLOADED');
  t.deepEqual(overloaded.reply, failed('KV_READ_QUORUM_UNMET'));
  const corrupt = new ReadCase({ r: 3 }).answer(0, NEW).answer(2, 'KV_CORRUPT');
  t.deepEqual(corrupt.reply, failed('KV_CORRUPT'));
});

test('coordinator: the deadline of a read passes -> fails within a sweep, late answers change nothing', (t) => {
  const read = new ReadCase({ r: 2, deadlineMs: 1_200 }).answer(0, NEW);
  t.is(read.pass(200).reply, undefined);
  t.deepEqual(read.pass(30).reply, failed('KV_READ_QUORUM_UNMET'));
  t.deepEqual([read.answer(1, NEW).sent.length, read.open], [3, 0]);
});

test('coordinator: a record of an answer is damaged -> that replica failed, nothing else', (t) => {
  const read = new ReadCase({ r: 2 });
  const [{ request }] = read.sent;
  const set = joined(OLD, OTHER);
  const draft = fetchedDraft('k', success(1, 0), set);
  const damaged = {
    ...draft,
    fill(words: Int32Array, bytes: Buffer, at: number) {
      draft.fill(words, bytes, at);
      words[at + Answer.record + 11] = 1_000_000;
    },
  };
  read.sent.push(...read.env.deliver(Role.coordinator, damaged, { from: addressOf(Role.vnode, 0, 0), request }));
  t.deepEqual([read.env.thrown.length, read.asked], [0, [0, 1, 2]]);
  t.deepEqual(read.answer(1, NEW).answer(2, NEW).reply, ok(['new'], 2, 2));
});

test('coordinator: a monotonic read of replicas that differ -> repairs first, then answers what N-R+1 hold', (t) => {
  const read = new ReadCase({ r: 2, monotonic: true }).answer(0, NEW).answer(1, OLD);
  t.is(read.reply, undefined);
  t.deepEqual(read.repairs, [[1, ['new']]]);
  t.deepEqual(read.confirm(1).reply, ok(['new'], 2, 2));
});

test('coordinator: a monotonic read at R=1 of N=3 -> asks all three', (t) => {
  const read = new ReadCase({ r: 1, monotonic: true });
  t.deepEqual(read.asked, [0, 1, 2]);
  t.is(read.answer(0, NEW).answer(1, NEW).reply, undefined);
  t.deepEqual(read.answer(2, NEW).reply, ok(['new'], 3, 3));
});

test('coordinator: a monotonic read whose repair is refused -> goes on with a spare replica, or is unmet', (t) => {
  const read = new ReadCase({ r: 2, monotonic: true }).answer(0, NEW).answer(1, OLD);
  read.confirm(1, failure('KV_STORAGE_FULL'));
  t.deepEqual(read.asked, [0, 1, 2]);
  t.deepEqual(read.answer(2, OLD).repairs.at(-1), [2, ['new']]);
  t.is(read.confirm(2, failure('KV_STORAGE_FULL')).reply?.code, 'KV_READ_QUORUM_UNMET');
});

test('coordinator: a monotonic read whose repair finds no room in a mailbox -> goes on at once as if it were refused', (t) => {
  const read = new ReadCase({ r: 2, monotonic: true }).answer(0, NEW);
  read.full.add(1);
  read.answer(1, OLD);
  t.deepEqual(read.asked, [0, 1, 2]);
  read.full.add(2);
  t.is(read.answer(2, OLD).reply?.code, 'KV_READ_QUORUM_UNMET');
});

test('coordinator: a confirmation of an earlier, smaller repair -> is credited with that, not with the newest', (t) => {
  const read = new ReadCase({ r: 2, monotonic: true }).answer(0, NEW).answer(1, NOTHING);
  read.confirm(1, failure('KV_OVERLOADED')).answer(2, OTHER);
  t.is(read.reply, undefined);
  t.deepEqual(
    read.repairs.map(([node, values]) => [node, values.length]),
    [
      [1, 1],
      [0, 2],
      [2, 2],
    ],
  );
  // the first repair of replica 1 is delivered once more, and taken this time: it holds the smaller record only
  t.is(read.confirm(1).reply, undefined);
  t.is(read.confirm(0).reply, undefined);
  t.deepEqual(read.confirm(2).reply?.values.toSorted(), ['new', 'other']);
});

test('coordinator: a read on a replica itself -> asks its own vnode first', (t) => {
  const env = new SimEnv({ node: 2 });
  env.deliver(Role.vnode, replicateDraft('k', NEW));
  const one = env.deliver(Role.coordinator, readDraft({ key: 'k', r: 1 }));
  t.deepEqual(
    one.map(({ tag }) => tag),
    [Kind.answered],
  );
  t.deepEqual(valuesOf(answerSet(one[0].view)), valuesOf(mergeSets(NEW, OLD)));
});
