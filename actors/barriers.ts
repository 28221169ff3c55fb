/**
 * The coordinator's part of a collection: once the reads that were open when the barrier was asked for have ended (each may
 * yet repair a replica with what it has read), it sends the barrier to every node, behind everything that it sent before.
 */
import { addressOf, Role } from '../src/actor/address.js';
import type { Env } from '../src/actor/env.js';
import { Barrier, Stage } from '../src/protocol/collection-messages.js';
import type { MessageView } from '../src/protocol/header.js';
import { Kind } from '../src/protocol/messages.js';

interface Waiting {
  readonly batch: number;
  readonly owner: number;
  /** Reads that were open, and still are. */
  readonly reads: Set<number>;
}

export class Barriers {
  #waiting: Waiting[] = [];

  get size(): number {
    return this.#waiting.length;
  }

  begin(message: MessageView, openReads: ReadonlyMap<number, unknown>, env: Env): void {
    const batch = message.u32(Barrier.batch);
    const owner = message.u32(Barrier.owner);
    this.#waiting.push({ batch, owner, reads: new Set(openReads.keys()) });
    this.visit(openReads, env);
  }

  /** Sends the barriers whose reads have ended. */
  visit(openReads: ReadonlyMap<number, unknown>, env: Env): void {
    if (this.#waiting.length === 0) return;
    this.#waiting = this.#waiting.filter(({ batch, owner, reads }) => {
      for (const id of reads) if (!openReads.has(id)) reads.delete(id);
      if (reads.size > 0) return true;
      for (const member of env.placement.members) {
        const to = addressOf(Role.collector, member, 0);
        sendBarrier(env, to, { stage: Stage.passing, batch, owner, origin: env.node, life: 0 });
      }
      return false;
    });
  }
}

export interface BarrierFields {
  readonly stage: Stage;
  readonly batch: number;
  readonly owner: number;
  readonly origin: number;
  readonly life: number;
}

/** One that finds no room is lost, and the collection is given up in time. */
export function sendBarrier(env: Env, to: number, { stage, batch, owner, origin, life }: BarrierFields): void {
  const out = env.open(Kind.barrier, to, 0, Barrier.end * 4);
  out?.words.set([stage, batch, owner, origin, life, 0], out.at + Barrier.stage);
}
