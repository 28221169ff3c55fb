/**
 * A shopping cart that loses nothing: the example of Amazon's Dynamo paper (DeCandia et al., 2007, sections 2 and 4.4).
 *
 * Two devices of one customer change the cart at the same time. Neither may wait for the other, so both writes are
 * accepted. Each names what it has seen by the *context* of its read; since neither saw the other, both survive as
 * *siblings*. The store is opened with a merge function, and from then on every reader gets the merged cart.
 *
 *   node dist/examples/shopping-cart.js
 */
import assert from 'node:assert/strict';
import type { Value } from '../src/client/types.js';
import { open } from '../src/index.js';
import { withTemporaryDirectory } from './support.js';

/** Article to the number of them. */
type Cart = Record<string, number>;

/** The union of the carts; of an article in several, the larger number. Better a thing too many than one lost. */
function mergeCarts(siblings: Value[]): Cart {
  const merged: Cart = {};
  for (const cart of siblings as Cart[]) {
    for (const [article, count] of Object.entries(cart)) merged[article] = Math.max(count, merged[article] ?? 0);
  }
  return merged;
}

await withTemporaryDirectory(async (path) => {
  const store = await open({ path, nodes: 3, n: 3, r: 2, w: 2, memoryBytes: 32 * 1024 * 1024, resolve: mergeCarts });
  const key = 'cart:ann';

  // The first write needs no context: nothing is there to be covered.
  await store.put(key, { book: 1 } satisfies Cart);

  // Phone and laptop read the same cart, and so hold the same context.
  const onPhone = await store.read(key);
  const onLaptop = await store.read(key);
  await store.put(key, { book: 1, lamp: 1 }, { context: onPhone.context });
  await store.put(key, { book: 2 }, { context: onLaptop.context });

  // The laptop's write covered what the laptop had read, not the lamp: both carts are there.
  const both = await store.read(key);
  assert.equal(both.siblings.length, 2);
  console.log('siblings:', JSON.stringify(both.siblings.map(({ value }) => value)));

  // A get applies the merge function; the siblings stay until a write covers them.
  assert.deepEqual(await store.get(key), { book: 2, lamp: 1 });

  // `update` reads, applies a function to the merged cart, and writes with the context of its read.
  await store.update(key, (cart) => ({ ...(cart as Cart), pen: 3 }));
  const after = await store.read(key);
  assert.equal(after.siblings.length, 1);
  assert.deepEqual(after.siblings[0].value, { book: 2, lamp: 1, pen: 3 });

  // A write that knows nothing of the cart (no context) replaces all of it: fine for a checkout, bad for a change.
  await store.put(key, {} satisfies Cart);
  assert.deepEqual(await store.get(key), {});

  await store.close();
  console.log('shopping-cart: two concurrent writes, 2 siblings, merged to 1; nothing was lost');
});
