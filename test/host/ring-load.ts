/**
 * A store under writes while its ring changes: each writer puts counters under keys of its own, one after the other, and
 * keeps what was acknowledged last. Nothing acknowledged may be missing afterwards, or come back in an older form.
 */
import { type Store, StoreError } from '../../src/index.js';

export interface Load {
  readonly acknowledged: Map<string, number>;
  readonly failed: Map<string, number>;
  /** Stops and waits for what is under way. */
  stop(): Promise<void>;
}

export function startLoad(store: Store, { writers = 8, keysPerWriter = 40 } = {}): Load {
  const acknowledged = new Map<string, number>();
  const failed = new Map<string, number>();
  let isOver = false;
  const write = async (writer: number) => {
    for (let count = 1; !isOver; count++) {
      const key = `load-${writer}-${count % keysPerWriter}`;
      try {
        await store.put(key, count);
        acknowledged.set(key, count);
        // the nodes need the processor for the change itself
        await new Promise((resolve) => setTimeout(resolve, 1));
      } catch (error) {
        const code = error instanceof StoreError ? error.code : 'strange';
        failed.set(code, (failed.get(code) ?? 0) + 1);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    }
  };
  const all = Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
  return {
    acknowledged,
    failed,
    stop: async () => {
      isOver = true;
      await all;
    },
  };
}

/** What of the load cannot be read back: missing, or older than what was acknowledged. A failed write may be newer. */
export async function lost(store: Store, { acknowledged }: Load): Promise<string[]> {
  const problems: string[] = [];
  for (const [key, count] of acknowledged) {
    const value = (await store.get(key)) as number | undefined;
    if (value === undefined || value < count) problems.push(`${key}: ${value}, acknowledged ${count}`);
  }
  return problems;
}
