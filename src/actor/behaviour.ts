/**
 * The contract of an actor (Hewitt, Bishop, Steiger 1973; as in Erlang's gen_server): a behaviour makes the state and
 * handles one message at a time, synchronously. `env` is its only door to effects. A handler that throws has its effects
 * of this message undone, and its actor starts again from `init`.
 */
import type { MessageView } from '../protocol/header.js';
import type { MessageName } from '../protocol/messages.js';
import type { Env } from './env.js';

export type Handler<State> = (state: State, message: MessageView, env: Env) => void;

export interface Behaviour<State, Handles extends MessageName> {
  readonly role: string;
  /** Makes the state of a fresh or restarted actor. */
  init(env: Env): State;
  /** One handler for each message that this actor takes; a missing one does not compile. */
  readonly receive: Readonly<Record<Handles, Handler<State>>>;
  /** A timer that the actor set came due. */
  onTimer?(state: State, token: number, env: Env): void;
}

/** A behaviour whose state the runtime does not look into. */
export interface AnyBehaviour {
  readonly role: string;
  init(env: Env): unknown;
  readonly receive: Readonly<Partial<Record<MessageName, (state: never, message: MessageView, env: Env) => void>>>;
  onTimer?(state: never, token: number, env: Env): void;
}
