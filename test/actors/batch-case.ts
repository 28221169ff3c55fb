/** One batch of writes that node 0 coordinates, seen from outside: what it sends, and what its replicas answer. */
import type { CoordinatorState } from '../../actors/coordinator.js';
import { addressOf, nodeOf, Role } from '../../src/actor/address.js';
import type { ErrorCode } from '../../src/core/errors.js';
import { ReplicatedMany, ReplicateMany, WroteMany } from '../../src/protocol/batch-messages.js';
import { Kind, Replicate, Replicated, Written } from '../../src/protocol/messages.js';
import { replicasOf } from '../../src/protocol/outcome.js';
import { sizeOf } from '../../src/protocol/record.js';
import {
  codeOf,
  type Draft,
  keyText,
  replicatedDraft,
  type WriteOrder,
  writeManyDraft,
} from '../../src/sim/messages.js';
import { type Sent, SimEnv, type SimEnvOptions } from '../sim/sim-env.js';

/** How a member ended: the replicas that hold it, or the code of its error. */
export type End = number | ErrorCode;

export const orderOf = (key: string, order: Partial<WriteOrder> = {}): WriteOrder => ({
  key,
  value: key,
  w: 2,
  ...order,
});

export class BatchCase {
  readonly env: SimEnv;
  readonly first: Sent[];
  /** By member; a member that ended twice has both. */
  readonly ends = new Map<number, End[]>();
  replies = 0;
  readonly #members: number;

  constructor(orders: readonly WriteOrder[], options: SimEnvOptions = {}, env = new SimEnv(options)) {
    this.env = env;
    this.#members = orders.length;
    const deadlineMs = env.nowMs + 500;
    this.first = this.take(
      env.deliver(Role.coordinator, writeManyDraft(orders.map((order) => ({ deadlineMs, ...order })))),
    );
  }

  /** Takes the replies to the client out of what was sent. */
  take(sent: Sent[]): Sent[] {
    for (const { tag, view } of sent) {
      if (tag !== Kind.wroteMany) continue;
      this.replies++;
      const outcome = view.u32(Written.outcome);
      const [first, count] = [view.u32(WroteMany.first), view.u32(WroteMany.count)];
      const end = count === 0 ? this.#members : first + count;
      for (let member = first; member < end; member++) {
        this.ends.set(member, [...(this.ends.get(member) ?? []), codeOf(outcome) ?? replicasOf(outcome)]);
      }
    }
    return sent;
  }

  /** Keys that a node was sent together. */
  sentTo(node: number): string[] {
    return this.first.filter((message) => this.#isBatchTo(message, node)).flatMap(({ view }) => keysIn(view));
  }

  #isBatchTo({ tag, to }: Sent, node: number): boolean {
    return tag === Kind.replicateMany && nodeOf(to) === node;
  }

  /** A replica answers for a run of the records. */
  answer(node: number, outcome: number, first = 0, count = 0, marked = 0): Sent[] {
    const asked = this.first.find((message) => this.#isBatchTo(message, node)) ?? this.first[0];
    const draft = replicatedManyDraft(outcome, asked.view.words[Replicate.mark] + marked, first, count);
    const from = addressOf(Role.coordinator, node, 0);
    return this.take(this.env.deliver(Role.coordinator, draft, { from, request: asked.request }));
  }

  /** A replica answers for a record that went alone. */
  answerAlone(sent: Sent, outcome: number): Sent[] {
    const draft = replicatedDraft(outcome, sent.view.words[Replicate.mark]);
    const from = addressOf(Role.vnode, nodeOf(sent.to), 0);
    return this.take(this.env.deliver(Role.coordinator, draft, { from, request: sent.request }));
  }

  pass(durationMs: number): Sent[] {
    return this.take(this.env.pass(durationMs));
  }

  /** How each member ended, in order; undefined for one that has not. */
  get outcomes(): (End | undefined)[] {
    return Array.from({ length: this.#members }, (_, member) => this.ends.get(member)?.[0]);
  }

  get open(): number {
    return (this.env.system.stateOf(Role.coordinator, 0) as CoordinatorState).writes.table.active;
  }
}

export function replicatedManyDraft(outcome: number, mark: number, first: number, count: number): Draft {
  return {
    tag: Kind.replicatedMany,
    bytes: ReplicatedMany.end * 4,
    fill(words, _bytes, at) {
      words[at + Replicated.outcome] = outcome;
      words[at + Replicated.mark] = mark;
      words[at + ReplicatedMany.first] = first;
      words[at + ReplicatedMany.count] = count;
    },
  };
}

function keysIn({ words, end }: Sent['view']): string[] {
  const keys: string[] = [];
  for (let at = ReplicateMany.records; at < end; at += sizeOf(words, at) / 4) {
    keys.push(keyText(words.slice(at) as Int32Array<ArrayBuffer>));
  }
  return keys;
}
