/**
 * The records that stand in a message, one behind the other. Storage is told of a group of them before the first is looked
 * up, so that they wait for memory together.
 */
import type { Store } from '../src/actor/ports.js';
import type { MessageView } from '../src/protocol/header.js';
import { sizeOf } from '../src/protocol/record.js';

const AHEAD = 32;
const ahead = new Int32Array(AHEAD);

/** Calls `visit` with the word index and the number of each record from `start` on. */
export function eachRecord(
  message: MessageView,
  start: number,
  store: Store,
  visit: (record: number, index: number) => void,
): void {
  const { words, end } = message;
  let index = 0;
  for (let at = start; at < end; ) {
    let count = 0;
    for (; count < AHEAD && at < end; at += sizeOf(words, at) >>> 2) ahead[count++] = at;
    if (count > 1) store.prefetch?.(words, ahead, count);
    for (let i = 0; i < count; i++) visit(ahead[i], index++);
  }
}
