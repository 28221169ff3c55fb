/** Whom a ring keeper answers: a client that asks for a change waits for the ring that begins it, or hears why there is none. */
import type { Env } from '../src/actor/env.js';
import type { StoreError } from '../src/core/errors.js';
import type { RingChange } from '../src/core/ring-change.js';
import { packRing } from '../src/core/ring-packing.js';
import type { RingState } from '../src/core/ring-state.js';
import { readBody } from '../src/protocol/body.js';
import type { MessageView } from '../src/protocol/header.js';
import { Kind } from '../src/protocol/messages.js';
import { failure, success } from '../src/protocol/outcome.js';
import { ChangeRing, RingChanged } from '../src/protocol/ring-messages.js';
import { sendCold } from './cold-message.js';

/** What a client asks for. */
export interface ChangeRequest {
  readonly change: RingChange;
  /** Nodes to give up by force; mostly none. */
  readonly gone: readonly number[];
}

export interface RingClient {
  readonly address: number;
  readonly request: number;
  readonly deadlineMs: number;
  readonly asked: ChangeRequest;
}

export function readClient(message: MessageView): RingClient {
  const asked = readBody(message, ChangeRing.body) as ChangeRequest;
  const { from: address, request } = message;
  return { address, request, deadlineMs: message.u32(ChangeRing.deadline), asked };
}

export function answerWith(client: RingClient, ring: RingState, env: Env): void {
  reply(client, success(1, 0), { ring: packRing(ring) }, env);
}

export function refuse(client: RingClient, error: StoreError, env: Env): void {
  reply(client, failure(error.code), { error: error.toWire() }, env);
}

function reply({ address, request }: RingClient, outcome: number, body: unknown, env: Env): void {
  const out = sendCold(env, Kind.ringChanged, address, body, { request, bodyWord: RingChanged.body });
  if (out !== undefined) out.words[out.at + RingChanged.outcome] = outcome;
}
