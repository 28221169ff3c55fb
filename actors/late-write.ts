/**
 * A write that comes too late: its sender has given it up, and may have written something newer meanwhile, through another
 * coordinator. Minted now, it would get a newer clock than that and win.
 *
 *   another life   the sender failed it when the node ended; what waited in an outbox reaches the next life
 *   its deadline   the sender failed it then; it waited in a mailbox, or the node's thread did
 *   its clock      it may get none behind its `latest`. A sender fails it no earlier than by then where it may still be on
 *                  its way (a connection broke), and never writes anything older again: so it loses to whatever that
 *                  sender writes next, wherever it comes up, and however wrong the machines' clocks are
 */
import type { Env } from '../src/actor/env.js';
import type { ErrorCode } from '../src/core/errors.js';
import { wallMsOf } from '../src/core/hybrid-clock.js';
import type { Clock } from '../src/core/ids.js';
import type { MessageView } from '../src/protocol/header.js';
import { Write } from '../src/protocol/messages.js';

/** Why a write must not happen any more; undefined where it may. */
export function whyLate(message: MessageView, incarnation: number, env: Env): ErrorCode | undefined {
  if (message.u32(Write.incarnation) !== incarnation >>> 0) return 'KV_NODE_RESTARTED';
  return isPast(message.u32(Write.deadline), env.nowMs()) ? 'KV_DEADLINE_EXCEEDED' : undefined;
}

/** Whether a write would get a clock that is later than it may have. */
export function isBehind(message: MessageView, clock: Clock): boolean {
  return ((wallMsOf(clock) - message.u32(Write.latest)) | 0) > 0;
}

/** Whether a write that waits can succeed no more: its deadline, or the latest time that its clock may say, is over. */
export function isTooLate(message: MessageView, env: Env): boolean {
  const isBehindLatest = ((env.wallMs() - message.u32(Write.latest)) | 0) > 0;
  return isBehindLatest || isPast(message.u32(Write.deadline), env.nowMs());
}

/** Whether a deadline lies before `nowMs`; both are 32 bits that wrap. */
export function isPast(deadlineMs: number, nowMs: number): boolean {
  return ((nowMs - deadlineMs) | 0) > 0;
}
