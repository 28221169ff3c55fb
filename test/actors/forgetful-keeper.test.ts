/** A ring keeper whose node lost its disk, and has no room at first to note that it forgot what it voted. */
import test from 'ava';
import type { BallotBody, PromisedBody } from '../../actors/ring-ballots.js';
import { addressOf, Role } from '../../src/actor/address.js';
import type { AnyBehaviour } from '../../src/actor/behaviour.js';
import { type DoubtCause, PartitionDoubts } from '../../src/actor/partition-doubts.js';
import { epoch, nodeIndex } from '../../src/core/ids.js';
import { packRing } from '../../src/core/ring-packing.js';
import { bodyMessageBytes, encodeBody, putBody, readBody } from '../../src/protocol/body.js';
import { HEADER_WORDS } from '../../src/protocol/header.js';
import { Kind } from '../../src/protocol/messages.js';
import type { Draft } from '../../src/sim/messages.js';
import { SimEnv, settledRing } from '../sim/sim-env.js';

const OTHER = addressOf(Role.ringKeeper, nodeIndex(1), 0);
const RING = { roles: [Role.ringKeeper], ring: settledRing(3) } as const;
const NEWER = { ...settledRing(3), epoch: epoch(2) };

function draft(tag: Kind, content: unknown): Draft {
  const body = encodeBody(content).slice();
  const fill: Draft['fill'] = (words, bytes, at) => putBody(words, bytes, at + HEADER_WORDS, body);
  return { tag, bytes: bodyMessageBytes(HEADER_WORDS, body), fill };
}

/** What the node answers to a prepare of node 1: a promise, or that it forgot. */
function answerOf(env: SimEnv): 'promised' | 'forgot' {
  const ballot = { round: 1_000, node: nodeIndex(1), life: 1 };
  const body: BallotBody = { base: env.placement.epoch, ballot };
  const sent = env.deliver(Role.ringKeeper, draft(Kind.prepare, body), { from: OTHER });
  const answers = sent.filter(({ tag }) => tag === Kind.promised);
  const [{ reply }] = answers.map(({ view }) => readBody(view, HEADER_WORDS) as PromisedBody);
  return reply === undefined ? 'forgot' : 'promised';
}

/** A life of a node in doubt, without any room until it is made. */
class FullNode {
  readonly env: SimEnv;
  isFull = true;
  hasEnded = false;
  readonly #doubts: PartitionDoubts;

  constructor(cause: DoubtCause) {
    const onAllSettled = () => {
      this.hasEnded = true;
    };
    this.#doubts = new PartitionDoubts(1, cause, { onSettled: () => undefined, onAllSettled });
    const wrap = (_role: Role, behaviour: AnyBehaviour): AnyBehaviour => ({
      ...behaviour,
      init: (env) => {
        const reserve = env.store.reserve.bind(env.store);
        env.store.reserve = (bytes) => (this.isFull ? -1 : reserve(bytes));
        return behaviour.init(env);
      },
    });
    this.env = new SimEnv({ ...RING, doubts: this.#doubts, wrap });
  }

  /** It has compared with enough others. */
  settle(): void {
    this.#doubts.settle(0, false);
  }

  learn(): void {
    this.env.deliver(Role.ringKeeper, draft(Kind.ringMap, packRing(NEWER)), { from: OTHER });
  }

  /** The next life, which finds the disk as it is, and the doubt if that did not end. */
  next(cause: DoubtCause): SimEnv {
    const left = this.hasEnded ? 'none' : cause;
    const doubts = new PartitionDoubts(1, left, { onSettled: () => undefined, onAllSettled: () => undefined });
    return new SimEnv({ ...RING, disk: this.env.disk, doubts });
  }
}

for (const cause of ['loss', 'rollback'] as const) {
  test(`ring keeper: a disk with a ${cause}, and no room to note what it forgot -> the doubt does not end, no ring is kept, the next life knows`, (t) => {
    const node = new FullNode(cause);
    node.env.pass(100);
    t.is(answerOf(node.env), 'forgot');
    node.settle();
    t.false(node.hasEnded);
    t.is(answerOf(node.next(cause)), 'forgot', 'it ended without room');
    // room in the midst of a turn, before the note is made: a ring alone would look like a whole disk
    node.isFull = false;
    node.learn();
    t.is(node.env.placement.epoch, 1);
    t.is(answerOf(node.next(cause)), 'forgot', 'it ended before the note');
    t.deepEqual(node.env.thrown, []);
  });

  test(`ring keeper: a disk with a ${cause}, and room later -> it is noted, then the doubt ends; the next life knows`, (t) => {
    const node = new FullNode(cause);
    node.settle();
    node.isFull = false;
    node.env.pass(2_000);
    t.false(node.hasEnded, 'the note is not on disk before the turn ends');
    node.env.pass(2_000);
    t.true(node.hasEnded);
    node.learn();
    t.is(node.env.placement.epoch, NEWER.epoch);
    t.is(answerOf(node.env), 'forgot');
    t.is(answerOf(node.next(cause)), 'forgot');
    t.deepEqual(node.env.thrown, []);
  });
}
