/** A write whose sender was told that it went down with its node must not reach the node's next life. */
import test from 'ava';
import { hostOf } from '../../src/client/open.js';
import { slotOf } from '../../src/core/slot-hash.js';
import type { Store, StoreError } from '../../src/index.js';
import { openSmall, until } from '../client/store-fixture.js';

/** With these values more than a mailbox holds: what is left waits in the sender's outbox. */
const KEYS = 80;
const VALUE_BYTES = 9_000;
const ROUNDS_MAX = 20;

/** Keys that node 0 coordinates whenever it is up. */
function keysOfFirst(store: Store, count: number): string[] {
  const { preferenceLists } = store.ring();
  const keys: string[] = [];
  for (let i = 0; keys.length < count; i++) {
    const partition = Math.floor((slotOf(Buffer.from(`key-${i}`)) * preferenceLists.length) / 16_384);
    if (preferenceLists[partition][0] === 0) keys.push(`key-${i}`);
  }
  return keys;
}

/** Keys whose write failed with the node. */
async function abandoned(keys: readonly string[], writes: readonly Promise<unknown>[]): Promise<string[]> {
  const outcomes = await Promise.allSettled(writes);
  return keys.filter((_, index) => {
    const outcome = outcomes[index];
    return outcome.status === 'rejected' && (outcome.reason as StoreError).code === 'KV_NODE_RESTARTED';
  });
}

test('a node dies before writes to it have left -> its next life does not put them over what was written since', async (t) => {
  const store = await openSmall(t);
  const [behind, ...keys] = keysOfFirst(store, KEYS + 1);
  const supervisor = hostOf(store).supervisor(0);
  const isDown = () => store.members()[0].state === 'down';
  let checked = 0;
  for (let round = 0; round < ROUNDS_MAX && checked === 0; round++) {
    const { incarnation } = supervisor;
    const ended = supervisor.terminate();
    const late = await abandoned(
      keys,
      keys.map((key) => store.put(key, 'late'.padEnd(VALUE_BYTES))),
    );
    const since: string[] = [];
    const write = async (key: string) => {
      if (!isDown()) return;
      await store.put(key, `since ${round}`);
      // then another node has coordinated it
      if (isDown()) since.push(key);
    };
    await Promise.all(late.map(write));
    await ended;
    await until(() => supervisor.incarnation > incarnation && store.members()[0].state === 'up', 60_000);
    // the same way as what was left, behind it
    await store.put(behind, round);
    for (const key of since) t.is(await store.get(key, { r: 3 }), `since ${round}`, key);
    checked = since.length;
  }
  t.true(checked > 0);
});
