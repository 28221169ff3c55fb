/**
 * Keeps the writes of one key that a thread has under way together in the order of its calls.
 *
 * Usually there is nothing to do: they go to one node, each behind the one before it, and that node mints them in this order.
 * Two things break it, and each makes the thread look at every write that it has in flight, key by key, until these have ended:
 *
 *   a node refuses one, with nothing done, and has taken or may take a later one of the key:
 *       it is not sent again, where it would win; it ends as the last one of the key does, which stands for it
 *   the partition's writes go to another node from now on, while some are under way to the former one:
 *       a later write of such a key names a clock above all that the earlier one may get
 *
 * A batch repeats in its own time what nothing else stands for, and sends only so many items at a time: until it has ended, no
 * order is promised between its items and other calls.
 */
import { StoreError } from '../core/errors.js';
import type { MessageView } from '../protocol/header.js';
import { Written } from '../protocol/messages.js';
import { errorOf } from '../protocol/outcome.js';
import type { KeyScratch } from './key-scratch.js';
import { type Pipeline, PipelinedWrite } from './pipelined-write.js';
import type { Requests, Waiter } from './requests.js';
import { isCurableCode } from './resending.js';
import type { Key } from './types.js';
import { type Member, WriteMembers } from './write-members.js';

/** What it needs of the thread's writes. */
export interface PipelineParts {
  readonly requests: Requests;
  readonly slotShift: number;
  /** Throws what a failed reply stands for, once the session has learned from it. */
  readonly confirm: (reply: MessageView) => unknown;
  /** What is left of the time of the request that this answers, in milliseconds. */
  readonly leftMs: (reply: MessageView) => number;
  /** Opens the messages of all writes that are gathered. */
  readonly flushAll: () => void;
}

/** A write that is about to be sent, and who made it. */
export interface UnusualWrite {
  readonly key: KeyScratch;
  /** Only replicas of the own zone count. */
  readonly isNear: boolean;
  readonly node: number;
  readonly member: Member;
  readonly index: number;
}

const SLOTS = 16_384;
const NO_NODE = -1;

export class Pipelines {
  readonly #parts: PipelineParts;
  readonly #slotShift: number;
  /** Node that each partition's last write went to; behind those, of the last one that only the own zone's replicas answer. */
  readonly #routes: Int16Array;
  /** 0; or -1 as long as there are pipelines: or-ed into a route, it makes one that no write takes. */
  #mask = 0;
  /** By the key's bytes as text. */
  readonly #pipelines = new Map<string, Pipeline>();
  /** What pauses before it is sent again, by who does that. */
  readonly #refused = new Map<object, PipelinedWrite>();
  /** Requests begun when the thread last looked. */
  #seen = 0;

  constructor(parts: PipelineParts) {
    this.#parts = parts;
    this.#slotShift = parts.slotShift;
    this.#routes = new Int16Array(2 * (SLOTS >>> parts.slotShift)).fill(NO_NODE);
    parts.requests.onRefusal = (reply) => this.#refusal(reply);
  }

  /** Whether a write that goes to this node needs no `follow`. About 1 ns. */
  isUsual(slot: number, isNear: boolean, node: number): boolean {
    return (this.#routes[this.#routeOf(slot, isNear)] | this.#mask) === node;
  }

  #routeOf(slot: number, isNear: boolean): number {
    return (isNear ? SLOTS + slot : slot) >>> this.#slotShift;
  }

  /** Before a write that is not usual is sent: what is to be told of its end in place of `member`; undefined for itself. */
  follow({ key, isNear, node, member, index }: UnusualWrite): PipelinedWrite | undefined {
    this.#note(this.#routeOf(key.slot, isNear), node);
    const pipeline = this.#pipelines.get(key.bytes.latin1Slice(0, key.length));
    if (pipeline === undefined) return undefined;
    if (pipeline.node !== node && pipeline.sent > 0) this.#passBy(node);
    pipeline.node = node;
    const again = this.#refused.get(member);
    const asked = again === undefined ? member.asked?.(index) : undefined;
    return asked === undefined ? again : new PipelinedWrite({ pipeline, pipelines: this, member, index, asked });
  }

  /** Earlier ones of the key may still be minted where they went: what goes to this node is to be newer. */
  #passBy(node: number): void {
    const { requests, flushAll } = this.#parts;
    // what joined a message that has begun already would come behind its latest time
    flushAll();
    requests.passBy(node);
  }

  /** Behind it: nothing of it has failed. */
  sent(write: PipelinedWrite): void {
    if (write.state === 'new') this.#enter(write);
    else if (this.#refused.delete(write.member)) write.isSent();
  }

  #note(route: number, node: number): void {
    const before = this.#routes[route];
    if (before === node) return;
    this.#routes[route] = node;
    if (before !== NO_NODE && this.#parts.requests.inFlight > 0) this.#look();
  }

  #enter(write: PipelinedWrite): void {
    const { pipeline } = write;
    const { last } = pipeline;
    write.isSent();
    pipeline.last = write;
    this.#pipelines.set(pipeline.name, pipeline);
    this.#mask = -1;
    if (last?.state === 'refused') {
      this.#refused.delete(last.member);
      last.overtake(write);
    }
  }

  /** A reply that refuses writes is about to be told to them. */
  #refusal(reply: MessageView): void {
    if (!isCurableCode(errorOf(reply.u32(Written.outcome)))) return;
    const isNew = ((this.#parts.requests.begunAt(reply.request) - this.#seen) | 0) > 0;
    if (isNew || this.#mask === 0) this.#look();
  }

  /** From here on knows the writes that are in flight, in their order. */
  #look(): void {
    const { requests, flushAll } = this.#parts;
    // what joins a message later would not be known
    flushAll();
    requests.replaceEach(this.#mask === 0 ? undefined : this.#seen, (waiter, node) => this.#know(waiter, node));
    this.#seen = requests.begun;
  }

  #know(waiter: Waiter, node: number): Waiter {
    if (waiter instanceof WriteMembers) {
      waiter.replaceEach((member, index) => this.#wrap(member, index, node));
      return waiter;
    }
    const { only } = waiter;
    return (only && this.#wrap(only.member, only.index, node)) ?? waiter;
  }

  #wrap(member: Member, index: number, node: number): PipelinedWrite | undefined {
    const asked = member instanceof PipelinedWrite ? undefined : member.asked?.(index);
    if (asked === undefined) return undefined;
    const name = nameOf(asked.key);
    const pipeline = this.#pipelines.get(name) ?? { name, last: undefined, node, open: 0, sent: 0 };
    const write = new PipelinedWrite({ pipeline, pipelines: this, member, index, asked });
    pipeline.node = node;
    this.#enter(write);
    return write;
  }

  /** A write that was refused pauses before it is sent again: `follow` finds it. */
  pauses(write: PipelinedWrite): void {
    this.#refused.set(write.member, write);
  }

  /** Who was to send a refused write again does not. */
  dropped(member: object): void {
    this.#refused.get(member)?.end();
  }

  ended({ member, pipeline }: PipelinedWrite): void {
    this.#refused.delete(member);
    if (--pipeline.open > 0) return;
    this.#pipelines.delete(pipeline.name);
    if (this.#pipelines.size === 0) this.#mask = 0;
  }

  /** What a refusal stands for. */
  errorOf(reply: MessageView): StoreError {
    try {
      this.#parts.confirm(reply);
    } catch (error) {
      if (error instanceof StoreError) return error;
    }
    return new StoreError('KV_INTERNAL', 'a refusal that is none');
  }

  /** Whether a later write may have been taken of which nothing is known any more. */
  mayBeOvertaken(reply: MessageView): boolean {
    const isLate = errorOf(reply.u32(Written.outcome)) === 'KV_DEADLINE_EXCEEDED';
    return isLate && this.#parts.requests.mayBeOvertaken(reply);
  }

  leftMs(reply: MessageView): number {
    return this.#parts.leftMs(reply);
  }
}

/** The key's bytes as text: a string and its UTF-8 are one key. */
const nameOf = (key: Key): string => Buffer.from(key as string).toString('latin1');
