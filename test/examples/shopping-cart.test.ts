/** The example shopping-cart, as its reader runs it. */
import test from 'ava';
import { runExample } from './run-example.js';

test('shopping-cart: two writes of one cart -> siblings, merged, nothing lost', (t) =>
  runExample(
    t,
    'shopping-cart',
    /^siblings: .*\n[\s\S]*^shopping-cart: two concurrent writes, 2 siblings, merged to 1/m,
  ));
