/** One write that a coordinator runs alone, seen from outside: for the tests of its decisions. */
import type { CoordinatorState } from '../../actors/coordinator.js';
import { addressOf, nodeOf, Role } from '../../src/actor/address.js';
import type { ErrorCode } from '../../src/core/errors.js';
import type { RingState } from '../../src/core/ring-state.js';
import { Kind, Replicate, Written } from '../../src/protocol/messages.js';
import { durabilityOf, replicasOf } from '../../src/protocol/outcome.js';
import { codeOf, replicatedDraft, type WriteOrder, writeDraft } from '../../src/sim/messages.js';
import { type Sent, SimEnv, type SimEnvOptions } from '../sim/sim-env.js';

export interface Reply {
  readonly code: ErrorCode | undefined;
  readonly replicas: number;
  readonly durability: number;
  readonly detail: number;
}

/** One write that node 0 coordinates, seen from outside: what it sends, and what its replicas answer. */
export class WriteCase {
  readonly env: SimEnv;
  readonly first: Sent[];
  #replies: Reply[];

  constructor(order: Partial<WriteOrder>, options: SimEnvOptions = {}, down: readonly number[] = []) {
    this.env = new SimEnv(options);
    for (const node of down) this.env.down.add(node);
    const draft = writeDraft({ key: 'k', value: 'v', w: 2, deadlineMs: this.env.nowMs + 500, ...order });
    this.first = this.env.deliver(Role.coordinator, draft);
    this.#replies = repliesIn(this.first);
  }

  get reply(): Reply | undefined {
    return this.#replies[0];
  }

  get replyCount(): number {
    return this.#replies.length;
  }

  /** Replicas that were sent the record. */
  get asked(): number[] {
    return this.first.filter(({ tag }) => tag === Kind.replicate).map(({ to }) => nodeOf(to));
  }

  /** A replica's confirmation, or its refusal. */
  answer(node: number, outcome: number, marked = 0): Reply | undefined {
    const asked = this.first.find(({ tag, to }) => tag === Kind.replicate && nodeOf(to) === node) ?? this.first[0];
    const mark = asked.view.words[Replicate.mark] + marked;
    const from = addressOf(Role.vnode, node, 0);
    const sent = this.env.deliver(Role.coordinator, replicatedDraft(outcome, mark), { from, request: asked.request });
    this.#replies.push(...repliesIn(sent));
    return this.reply;
  }

  pass(durationMs: number): Reply | undefined {
    this.#replies.push(...repliesIn(this.env.pass(durationMs)));
    return this.reply;
  }

  /** The node adopts this ring, and the coordinator looks at what is open: who is sent the record again. */
  adopt(ring: RingState): number[] {
    this.env.placement.adopt(ring);
    const sent = this.env.pass(30);
    return sent.filter(({ tag }) => tag === Kind.replicate).map(({ to }) => nodeOf(to));
  }

  get open(): number {
    return (this.env.system.stateOf(Role.coordinator, 0) as CoordinatorState).writes.table.active;
  }
}

export function repliesIn(sent: readonly Sent[]): Reply[] {
  return sent
    .filter(({ tag }) => tag === Kind.written)
    .map(({ view }) => {
      const outcome = view.u32(Written.outcome);
      const { detail } = { detail: view.u32(Written.detail) };
      return { code: codeOf(outcome), replicas: replicasOf(outcome), durability: durabilityOf(outcome), detail };
    });
}
