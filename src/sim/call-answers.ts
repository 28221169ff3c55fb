/** What a reply says of the call that it answers. */
import { liveSiblings } from '../core/siblings.js';
import type { MessageView } from '../protocol/header.js';
import { Answer, Written } from '../protocol/messages.js';
import { durabilityOf, fallbacksOf, replicasOf } from '../protocol/outcome.js';
import type { ReadCall, WriteCall } from './calls.js';
import { answerSet, writtenClock } from './messages.js';

/** `asOfMs`: what has expired by then is not shown. */
export function takeAnswer(call: ReadCall, message: MessageView, shownAtMs: number, asOfMs: number): void {
  const outcome = message.u32(Answer.outcome);
  call.set = answerSet(message);
  call.shownAtMs = shownAtMs;
  call.shown = liveSiblings(call.set, asOfMs);
  call.replicas = replicasOf(outcome);
  call.fallbacks = fallbacksOf(outcome);
  call.holders = message.u32(Answer.detail) >>> 8;
}

/** Of a write that succeeded. */
export function takeWritten(call: WriteCall, message: MessageView): void {
  const outcome = message.u32(Written.outcome);
  call.replicas = replicasOf(outcome);
  call.fallbacks = fallbacksOf(outcome);
  call.durability = durabilityOf(outcome);
  call.clock = writtenClock(message);
}
