/**
 * Shopping carts that several writers fill at once, each with the context of its own read: concurrent additions become
 * siblings, and none may be lost. A cart that has become long is left alone, and the next one begun.
 */
import type { Store } from '../../../src/index.js';
import type { Ledger } from './ledger.js';

const ITEMS_MAX = 100;

export class Carts {
  additions = 0;
  readonly #acknowledged = new Map<string, Set<string>>();
  readonly #current: number[];
  readonly #ledger: Ledger;
  #next = 0;

  constructor(count: number, ledger: Ledger) {
    this.#current = new Array<number>(count).fill(0);
    this.#ledger = ledger;
  }

  /** One addition: what was acknowledged before the read must be in what it shows. */
  async add(store: Store, cart: number): Promise<void> {
    const key = `cart-${cart}-${this.#current[cart]}`;
    const expected = [...this.#of(key)];
    const { siblings, context } = await store.read(key);
    const items = itemsOf(siblings);
    this.#compare(key, expected, items, 'during the load');
    if (items.size >= ITEMS_MAX) this.#current[cart]++;
    const item = `item-${this.#next++}`;
    await store.put(key, [...items, item], { context });
    this.#of(key).add(item);
    this.additions++;
  }

  async check(store: Store, when: string): Promise<void> {
    for (const [key, expected] of this.#acknowledged) {
      const { siblings } = await store.read(key);
      this.#compare(key, expected, itemsOf(siblings), when);
    }
  }

  #compare(key: string, expected: Iterable<string>, items: ReadonlySet<string>, when: string): void {
    const missing = [...expected].filter((item) => !items.has(item));
    if (missing.length > 0) this.#ledger.violations.push(`${when}: ${key} lacks ${missing.join(', ')}`);
  }

  #of(key: string): Set<string> {
    let items = this.#acknowledged.get(key);
    if (items === undefined) {
      items = new Set();
      this.#acknowledged.set(key, items);
    }
    return items;
  }
}

function itemsOf(siblings: readonly { readonly value: unknown }[]): Set<string> {
  return new Set(siblings.flatMap(({ value }) => value as string[]));
}
