/** Whoever asked for exchanges of a partition and waits for what they come to, as one answer for all peers. */
import type { Env } from '../src/actor/env.js';
import { Exchanged } from '../src/protocol/exchange-messages.js';
import type { MessageView } from '../src/protocol/header.js';
import { Kind } from '../src/protocol/messages.js';
import { success } from '../src/protocol/outcome.js';

export interface Asker {
  readonly from: number;
  readonly request: number;
  /** Exchanges that have not ended. */
  waiting: number;
  /** Of the first that failed; 0 where none did. */
  outcome: number;
  peers: number;
  differing: number;
  sent: number;
  received: number;
}

export interface ExchangeResult {
  readonly outcome: number;
  readonly differing: number;
  readonly sent: number;
  readonly received: number;
}

export function startAsker({ from, request }: MessageView, waiting: number): Asker {
  return { from, request, waiting, outcome: 0, peers: 0, differing: 0, sent: 0, received: 0 };
}

/** Takes the result of one exchange; whether it was the last. */
export function addResult(asker: Asker, { outcome, differing, sent, received }: ExchangeResult): boolean {
  asker.waiting--;
  if (outcome === 0) asker.peers++;
  else if (asker.outcome === 0) asker.outcome = outcome;
  asker.differing += differing;
  asker.sent += sent;
  asker.received += received;
  return asker.waiting === 0;
}

export function answerAsker({ from, request, outcome, peers, differing, sent, received }: Asker, env: Env): void {
  const out = env.open(Kind.exchanged, from, request, Exchanged.end * 4);
  if (out === undefined) return;
  out.words[out.at + Exchanged.outcome] = outcome === 0 ? success(peers, 0) : outcome;
  out.words[out.at + Exchanged.peers] = peers;
  out.words[out.at + Exchanged.differing] = differing;
  out.words[out.at + Exchanged.sent] = sent;
  out.words[out.at + Exchanged.received] = received;
  out.words[out.at + Exchanged.end - 1] = 0;
}
