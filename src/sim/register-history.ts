/**
 * The history of a run's registers: each written by one client under R+W>N and read monotonically, so that the store
 * promises linearizability per key, which src/sim/linearizability.ts checks.
 */
import { newestSibling } from '../core/siblings.js';
import type { Call, ReadCall } from './calls.js';
import { checkHistory, type HistoryEntry } from './history.js';
import type { Plan } from './plan.js';

const NS_PER_MS = 1e6;

export class RegisterHistory {
  readonly entries: HistoryEntry[] = [];
  readonly #plan: Plan;

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  add(call: Call): void {
    if (call.kind === 'scan' || !this.#plan.registers.has(call.order.key)) return;
    const { client, error } = call;
    const common = {
      client,
      key: call.order.key,
      callNs: call.startMs * NS_PER_MS,
      ...(error === undefined && { returnNs: call.endMs * NS_PER_MS }),
    };
    if (call.kind === 'read') {
      if (error === undefined) this.entries.push({ ...common, operation: 'get', outcome: 'ok', result: newest(call) });
      return;
    }
    const outcome = error === undefined ? 'ok' : 'unknown';
    if (call.order.tombstone === true) this.entries.push({ ...common, operation: 'delete', outcome });
    else this.entries.push({ ...common, operation: 'put', argument: call.order.value, outcome });
  }

  /** What is wrong, and with which key. */
  problems(): { readonly key: string; readonly text: string }[] {
    const { w, r, n, beyond } = this.#plan;
    if (r + w <= n || beyond) return [];
    return checkHistory(this.entries).map(({ key, entry, order }) => {
      const before = order.slice(-4).map(describe).join(', ');
      return { key, text: `${key} is not linearizable: ${describe(entry)} fits nowhere behind ${before}` };
    });
  }
}

/** What a read shows whose store resolves by `newest`. */
function newest({ set }: ReadCall): string | null {
  const sibling = newestSibling(set, 0);
  return sibling === undefined ? null : Buffer.from(sibling.value).toString();
}

function describe({ operation, argument, result, callNs, returnNs }: HistoryEntry): string {
  const what = operation === 'get' ? `get = ${result}` : `${operation}${argument === undefined ? '' : ` ${argument}`}`;
  const until = returnNs === undefined ? '?' : (returnNs / NS_PER_MS).toFixed(2);
  return `${what} (${(callNs / NS_PER_MS).toFixed(2)} to ${until} ms)`;
}
