/**
 * A write of a key that has others under way: between the reply and whoever made it (pipelines.ts says when).
 *
 *   sent --refused, the last of its key--> refused --sent again--> sent
 *     |          |                            | a later one is sent
 *     |          +--refused, not the last--> waits: ends as the last one does
 *     +--any other reply--> ended
 *
 * What is refused of a batch with nothing behind it goes back to the batch, and stands for nothing any more.
 */
import type { StoreError } from '../core/errors.js';
import { MessageView } from '../protocol/header.js';
import { Written } from '../protocol/messages.js';
import { errorOf, isSuccess } from '../protocol/outcome.js';
import type { Pipelines } from './pipelines.js';
import type { Waiter } from './requests.js';
import { isCurableCode } from './resending.js';
import type { AskedWrite, Member } from './write-members.js';

/** The writes of one key that are under way, or that one of these was sent before. */
export interface Pipeline {
  readonly name: string;
  last: PipelinedWrite | undefined;
  /** That the latest of them went to. */
  node: number;
  /** Writes that have not ended. */
  open: number;
  /** Of those, how many a node has, or is to get. */
  sent: number;
}

type State = 'new' | 'sent' | 'refused' | 'waits' | 'ended';

export interface PipelinedParts {
  readonly pipeline: Pipeline;
  readonly pipelines: Pick<Pipelines, 'ended' | 'pauses' | 'errorOf' | 'mayBeOvertaken' | 'leftMs'>;
  /** Who made it, and its number there. */
  readonly member: Member;
  readonly index: number;
  readonly asked: AskedWrite;
}

export class PipelinedWrite implements Member, Waiter {
  #state: State = 'new';
  readonly #parts: PipelinedParts;
  /** Earlier ones that end as it does. */
  readonly #earlier: PipelinedWrite[] = [];
  /** What it has succeeded with. */
  #reply: MessageView | undefined;
  #refusal: MessageView | undefined;
  /** When its time is over, on `performance.now()`. */
  #untilMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: PipelinedParts) {
    this.#parts = parts;
  }

  get state(): State {
    return this.#state;
  }

  #become(state: State): void {
    const { pipeline } = this;
    if (this.#state === 'sent') pipeline.sent--;
    if (state === 'sent') pipeline.sent++;
    this.#state = state;
  }

  /** A node is to get it. */
  isSent(): void {
    if (this.#state === 'new') this.pipeline.open++;
    if (this.#state !== 'ended') this.#become('sent');
  }

  get pipeline(): Pipeline {
    return this.#parts.pipeline;
  }

  get member(): Member {
    return this.#parts.member;
  }

  settle(reply: MessageView): void {
    this.settled(0, reply);
  }

  fail(error: StoreError): void {
    this.failed(0, error);
  }

  settled(_index: number, reply: MessageView): void {
    const outcome = reply.u32(Written.outcome);
    if (isSuccess(outcome)) this.#succeed(reply);
    else if (isCurableCode(errorOf(outcome))) this.#refused(reply);
    else {
      this.end();
      this.member.settled(this.#parts.index, reply);
    }
  }

  failed(_index: number, error: StoreError): void {
    this.end();
    this.member.failed(this.#parts.index, error);
  }

  #succeed(reply: MessageView): void {
    this.#reply = copyOf(reply);
    const earlier = this.#earlier.splice(0);
    this.end();
    this.member.settled(this.#parts.index, reply);
    for (const write of earlier) if (write.#state === 'waits') write.#succeed(reply);
  }

  #refused(reply: MessageView): void {
    const { pipelines, member } = this.#parts;
    this.#refusal = copyOf(reply);
    this.#untilMs = performance.now() + pipelines.leftMs(reply);
    if (this.#waitsForLast()) return;
    if (member.rest === undefined) this.#giveBack(reply);
    else if (pipelines.mayBeOvertaken(reply)) this.#reject();
    else this.#sendAgain(reply);
  }

  /** Behind the last write of the key, if that is another one; a batch sees to its own. */
  #waitsForLast(): boolean {
    const { last } = this.pipeline;
    if (last === undefined || last.member === this.member) return false;
    this.#waitFor(last);
    return true;
  }

  /** To the batch that it is of. */
  #giveBack(reply: MessageView): void {
    const { pipeline, member, index } = this.#parts;
    if (pipeline.last === this) pipeline.last = undefined;
    const earlier = this.#earlier.splice(0);
    this.end();
    member.settled(index, reply);
    // the latest of them may stand for the others
    for (const write of earlier.toReversed()) write.#waitsNoMore();
  }

  #waitsNoMore(): void {
    const reply = this.#refusal;
    if (this.#state !== 'waits' || reply === undefined) return;
    clearTimeout(this.#timer);
    if (this.#waitsForLast()) return;
    if (this.member.rest === undefined) this.#giveBack(reply);
    else this.#sendAgain(reply);
  }

  #sendAgain(reply: MessageView): void {
    const { pipeline, pipelines, member, index } = this.#parts;
    pipeline.last = this;
    this.#become('refused');
    pipelines.pauses(this);
    member.settled(index, reply);
  }

  /** A later write of the key was sent before this one was again. */
  overtake(later: PipelinedWrite): void {
    this.#become('waits');
    this.member.rest?.();
    this.#waitFor(later);
  }

  #waitFor(later: PipelinedWrite): void {
    this.#become('waits');
    if (!later.#standsFor(this)) this.#reject();
    else if (later.#reply !== undefined) this.#succeed(later.#reply);
    else if (later.#state === 'ended') this.#reject();
    else {
      later.#earlier.push(this);
      this.#timer = setTimeout(() => this.#reject(), Math.max(0, this.#untilMs - performance.now()));
    }
  }

  /** Whether its success is one of the other, too: it replaces what that would have written, and asks for as much. */
  #standsFor(other: PipelinedWrite): boolean {
    const { order } = this.#parts.asked;
    const { w, durability, available } = other.#parts.asked.order;
    const isAlike = order.w === w && order.durability === durability && order.available === available;
    return isAlike && order.context === undefined;
  }

  /** Nothing was done of it. */
  #reject(): void {
    if (this.#state === 'ended') return;
    this.end();
    this.member.failed(this.#parts.index, this.#parts.pipelines.errorOf(this.#refusal as MessageView));
  }

  /** Its maker knows, or is about to. */
  end(): void {
    if (this.#state === 'ended') return;
    const wasNew = this.#state === 'new';
    this.#become('ended');
    clearTimeout(this.#timer);
    if (!wasNew) this.#parts.pipelines.ended(this);
    for (const write of this.#earlier.splice(0)) write.#reject();
  }
}

function copyOf(reply: MessageView): MessageView {
  const words = reply.words.slice(reply.at, reply.end);
  const copy = new MessageView();
  copy.point(words, Buffer.from(words.buffer), 0);
  return copy;
}
