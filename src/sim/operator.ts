/** Who changes the ring of a simulated world: asks a node's ring keeper, as src/client does, and sees what became of it. */
import { addressOf, Role } from '../actor/address.js';
import type { ErrorCode } from '../core/errors.js';
import { type NodeIndex, nodeIndex } from '../core/ids.js';
import type { Member } from '../core/ring.js';
import type { RingChange } from '../core/ring-change.js';
import { bodyMessageBytes, encodeBody, putBody } from '../protocol/body.js';
import { Kind } from '../protocol/messages.js';
import { ChangeRing, RingChanged } from '../protocol/ring-messages.js';
import { codeOf } from './messages.js';
import type { World } from './world.js';

export interface ChangeCall {
  readonly change: RingChange;
  readonly startMs: number;
  /** Virtual time of the answer; Infinity as long as there is none. */
  endMs: number;
  error: ErrorCode | undefined;
}

const DEADLINE_MS = 5_000;

/** Asks a node for a change; `gone`: nodes to give up by force. */
export function changeRing(world: World, node: number, change: RingChange, gone: readonly number[] = []): ChangeCall {
  const call: ChangeCall = { change, startMs: world.nowMs, endMs: Number.POSITIVE_INFINITY, error: undefined };
  const body = encodeBody({ change, gone }).slice();
  const deadlineMs = (world.hostOf(node).clock.nowMs + DEADLINE_MS) >>> 0;
  const draft = {
    tag: Kind.changeRing,
    bytes: bodyMessageBytes(ChangeRing.body, body),
    fill: (words: Int32Array, bytes: Buffer, at: number) => {
      words[at + ChangeRing.deadline] = deadlineMs;
      words[at + ChangeRing.deadline + 1] = 0;
      putBody(words, bytes, at + ChangeRing.body, body);
    },
  };
  const isSent = world.clients[0].ask(draft, addressOf(Role.ringKeeper, node, 0), (message) => {
    call.error = codeOf(message.u32(RingChanged.outcome));
    call.endMs = world.nowMs;
  });
  if (!isSent) Object.assign(call, { error: 'KV_OVERLOADED', endMs: world.nowMs });
  return call;
}

/** A node of this world as a member of its ring. */
export function memberOf(world: World, node: number, weight = 1): Member {
  const host = world.hostOf(node).name;
  return { node: nodeIndex(node), host, machine: 'machine', zone: world.zoneOf(node), weight };
}

/** Starts a spare node and asks for its join. */
export function joinSpare(world: World, node: NodeIndex, asked: number, weight = 1): ChangeCall {
  world.startAnew(world.nodes[node]);
  return changeRing(world, asked, { kind: 'join', members: [memberOf(world, node, weight)] });
}

/** Whether every node that is up has adopted a ring in which nothing moves. */
export function isSettled(world: World): boolean {
  const { ring } = world;
  const up = world.nodes.filter((node) => node.up);
  return ring.move === undefined && up.every(({ system }) => system.placement.epoch === ring.epoch);
}
