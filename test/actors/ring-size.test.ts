/**
 * Ring keepers alone, each with a store of its own, and messages that go about between them: of rings with 4,096 partitions of
 * nine replicas each, which as plain data would be too large for a message before their move is at its end.
 */
import test from 'ava';
import { saveProgress } from '../../actors/transfer-records.js';
import { nodeOf, Role, roleOf } from '../../src/actor/address.js';
import type { WireError } from '../../src/core/errors.js';
import { epoch, nodeIndex } from '../../src/core/ids.js';
import type { Member } from '../../src/core/ring.js';
import type { RingChange } from '../../src/core/ring-change.js';
import { firstRingState, movingPartitions, newHolders, type RingState } from '../../src/core/ring-state.js';
import { bodyMessageBytes, encodeBody, putBody, readBody } from '../../src/protocol/body.js';
import { TURN_BYTES_MAX } from '../../src/protocol/limits.js';
import { Kind } from '../../src/protocol/messages.js';
import { isSuccess } from '../../src/protocol/outcome.js';
import { ChangeRing, RingChanged } from '../../src/protocol/ring-messages.js';
import { ringOf } from '../core/rings.js';
import { type Sent, SimEnv } from '../sim/sim-env.js';

const NODES = 14;
const SPARES = 3;
const STEP_MS = 50;
const DEADLINE_MS = 5_000;

class Keepers {
  readonly envs: readonly SimEnv[];
  /** How each change that was asked for ended: the error's code, or that it began. */
  readonly answers: string[] = [];

  constructor(ring: RingState) {
    const shape = { n: NODES + SPARES, ring, roles: [Role.ringKeeper], arenaBytes: TURN_BYTES_MAX };
    this.envs = Array.from({ length: NODES + SPARES }, (_, node) => new SimEnv({ ...shape, node }));
  }

  ask(node: number, change: RingChange): void {
    const env = this.envs[node];
    const body = encodeBody({ change, gone: [] }).slice();
    const sent = env.deliver(Role.ringKeeper, {
      tag: Kind.changeRing,
      bytes: bodyMessageBytes(ChangeRing.body, body),
      fill: (words, bytes, at) => {
        words.set([env.nowMs + DEADLINE_MS, 0], at + ChangeRing.deadline);
        putBody(words, bytes, at + ChangeRing.body, body);
      },
    });
    this.#carry(sent);
  }

  /** Time passes until `done` holds; false where it does not within two minutes. */
  runUntil(done: () => boolean): boolean {
    for (let passedMs = 0; passedMs < 120_000 && !done(); passedMs += STEP_MS) {
      for (const env of this.envs) this.#carry(env.pass(STEP_MS));
    }
    return done();
  }

  #carry(sent: readonly Sent[]): void {
    const waiting = [...sent];
    for (let message = waiting.shift(); message !== undefined; message = waiting.shift()) {
      if (roleOf(message.to) === Role.client) this.#answered(message);
      else waiting.push(...this.envs[nodeOf(message.to)].receive(message));
    }
  }

  #answered({ view }: Sent): void {
    const { error } = readBody(view, RingChanged.body) as { readonly error?: WireError };
    this.answers.push(isSuccess(view.u32(RingChanged.outcome)) ? 'begun' : (error?.code ?? ''));
  }

  /** The new holders have all that they are to have. */
  fill(): void {
    const { ring } = this.envs[0].placement;
    const progress = { move: ring.move?.id ?? 0, merged: [], partial: [], cursors: [], filled: true };
    for (const partition of movingPartitions(ring)) {
      for (const node of newHolders(ring, partition)) {
        const { store } = this.envs[node];
        const isKept = () => saveProgress(store, { ...progress, replica: store.replica, partition });
        // a turn has room for some of them
        while (!isKept()) this.#carry(this.envs[node].pass(0));
      }
    }
  }

  get thrown(): unknown[] {
    return this.envs.flatMap(({ thrown }) => thrown);
  }
}

/** A ring of nodes 0 to 13 at an epoch behind which each number that is one takes more bytes. */
const agedRing = (): RingState => {
  const map = ringOf({ weights: new Array(NODES).fill(1), n: 9, partitions: 4_096 });
  return firstRingState({ ...map, epoch: epoch(65_534) });
};

const memberAt = (node: number, host: string): Member => {
  return { node: nodeIndex(node), host, machine: 'machine', zone: 'zone', weight: 1 };
};

test('ring keeper: three of 14 nodes are replaced, and each epoch of 4,096 partitions becomes a longer number -> the move comes to its end', (t) => {
  const ring = agedRing();
  const keepers = new Keepers(ring);
  const by = [14, 15, 16].map((node) => memberAt(node, `host-${node}`));
  keepers.ask(0, { kind: 'replace', nodes: [0, 1, 2], by });
  t.true(
    keepers.runUntil(
      () => keepers.answers.length > 0 && keepers.envs.every(({ placement }) => placement.epoch > ring.epoch),
    ),
  );
  t.deepEqual(keepers.answers, ['begun']);
  t.true(movingPartitions(keepers.envs[0].placement.ring).length > 4_000);
  keepers.fill();
  const isDone = () =>
    keepers.envs.every(({ placement }) => placement.ring.move === undefined && placement.epoch > 65_535);
  t.true(keepers.runUntil(isDone));
  t.deepEqual(keepers.thrown, []);
  t.deepEqual(
    keepers.envs[5].placement.ring.members.map(({ node }) => Number(node)),
    [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
  );
});

test('ring keeper: a change whose ring would be too large to be told -> its client hears so at once, and no keeper fails', (t) => {
  const long = (node: number) => memberAt(node, `${node}-`.padEnd(255, 'x'));
  const keepers = new Keepers(agedRing());
  keepers.ask(1, { kind: 'join', members: Array.from({ length: 350 }, (_, i) => long(32 + i)) });
  t.deepEqual(keepers.answers, ['KV_RING_TOO_LARGE']);
  t.deepEqual(keepers.thrown, []);
  keepers.ask(1, { kind: 'reweight', node: 3, weight: 2 });
  t.true(keepers.runUntil(() => keepers.answers.length === 2));
  t.is(keepers.answers[1], 'begun');
});
