/**
 * Writes of one key that a client sends without waiting for each, and what src/client/pipelines.ts does about refused ones: the
 * last of them is sent again, an earlier one is not, since a later one stands for it.
 */
import { type Call, isCurable, RESENDS_MAX, type WriteCall } from './calls.js';
import type { SimClient } from './client.js';
import type { WriteOrder } from './messages.js';
import type { Random } from './random.js';
import type { World } from './world.js';

const WRITES_MAX = 4;
const GAP_MS_MAX = 4;
const PAUSE_MS_MAX = 20;

export interface PipelineParts {
  readonly world: World;
  readonly client: SimClient;
  readonly random: Random;
  readonly deadlineMs: number;
  /** The next write of the key, and those that travel with it; which node coordinates them, or the usual one. */
  readonly next: () => { readonly orders: readonly WriteOrder[]; readonly node?: number };
  /** Each call ends so, but the last one to end. */
  readonly onEnd: (call: Call) => void;
  readonly done: (call: Call) => void;
}

export class Pipeline {
  readonly #parts: PipelineParts;
  /** Every write of the key, as it was sent first. */
  readonly #calls: WriteCall[] = [];
  /** Those that travelled with others. */
  readonly #inBatches = new Set<WriteCall>();
  #left = 0;

  constructor(parts: PipelineParts) {
    this.#parts = parts;
  }

  begin(): void {
    const { world, random } = this.#parts;
    const count = 2 + random.below(WRITES_MAX - 1);
    this.#left = count;
    let afterMs = 0;
    for (let i = 0; i < count; i++) {
      world.after(afterMs, () => this.#send());
      if (random.chance(0.5)) afterMs += random.between(0, GAP_MS_MAX);
    }
  }

  #send(): void {
    const { client, next, onEnd } = this.#parts;
    const { orders, node } = next();
    const to = node === undefined ? {} : { node };
    const [first, ...beside] = orders;
    const done = (call: Call) => {
      if (call.kind === 'write' && call.order.key === first.key) this.#ended(call, RESENDS_MAX);
      else onEnd(call);
    };
    const calls =
      beside.length === 0 ? [client.write(first, { ...to, done })] : client.writeMany(orders, { ...to, done });
    this.#calls.push(calls[0]);
    if (beside.length > 0) this.#inBatches.add(calls[0]);
  }

  #ended(call: WriteCall, resends: number): void {
    const { world, random, client, deadlineMs, onEnd } = this.#parts;
    const leftMs = (call.order.deadlineMs ?? deadlineMs) - (call.endMs - call.startMs);
    // a client that gave it up does not know what became of it
    if (!isCurable(call) || leftMs <= 0 || resends === 0) {
      this.#settle(call);
      return;
    }
    const isLast = this.#isLast(call);
    const { length } = this.#calls;
    const again = () => {
      if (!isLast || (length < this.#calls.length && client.faults.resendsBehind !== true)) {
        this.#settle(call);
        return;
      }
      onEnd(call);
      const { callerClock, incarnation, latest, ...order } = call.order;
      const options = { position: call.position, done: (next: Call) => this.#ended(next as WriteCall, resends - 1) };
      client.write({ ...order, deadlineMs: leftMs }, options);
    };
    if (resends === RESENDS_MAX) again();
    else world.after(random.between(0, PAUSE_MS_MAX), again);
  }

  /**
   * Whether no later one can stand for a write that was just refused, as far as a client knows. Of one that the same node
   * confirmed before it knows nothing any more, but that a batch was answered out of turn.
   */
  #isLast(call: WriteCall): boolean {
    if (this.#parts.client.faults.resendsBehind === true) return true;
    const isAlone = !this.#inBatches.has(call);
    return this.#calls.every((later) => {
      const isOver = later.endMs < Number.POSITIVE_INFINITY && !isCurable(later) && later.node === call.node;
      return later.position <= call.position || (isOver && !(isAlone && this.#inBatches.has(later)));
    });
  }

  #settle(call: Call): void {
    const { onEnd, done } = this.#parts;
    this.#left--;
    if (this.#left === 0) done(call);
    else onEnd(call);
  }
}
