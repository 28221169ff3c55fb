/** What a reply of KV_STALE_EPOCH does to a request: it is sent again, once. */
import test from 'ava';
import { PromiseWaiter } from '../../src/client/waiters.js';
import { WriteWaiter } from '../../src/client/write-waiter.js';
import type { WriteOrder } from '../../src/client/writes.js';
import { type ErrorCode, StoreError } from '../../src/index.js';
import { MessageView } from '../../src/protocol/header.js';

const REPLY = new MessageView();

/** Answers one after the other: an error code, or nothing for a success. */
function decoderOf(...answers: (ErrorCode | undefined)[]) {
  return () => {
    const code = answers.shift();
    if (code !== undefined) throw new StoreError(code, 'as planned');
    return { replicas: 2, fallbacks: 0, durability: 'sync' as const };
  };
}

for (const [answers, sends, ending] of [
  [['KV_STALE_EPOCH', undefined], 1, 'sync'],
  [['KV_STALE_EPOCH', 'KV_STALE_EPOCH'], 1, 'KV_STALE_EPOCH'],
  [['KV_OVERLOADED'], 0, 'KV_OVERLOADED'],
  [[undefined], 0, 'sync'],
] as const) {
  test(`waiters: answers of ${answers.join(', ')} -> sent again ${sends} times, ends as ${ending}`, async (t) => {
    const order = {} as WriteOrder;
    for (const kind of ['read', 'write']) {
      let sent = 0;
      const decode = decoderOf(...answers);
      const done = new Promise<string>((resolve) => {
        const ok = ({ durability }: { durability: string }) => resolve(durability);
        const fail = ({ code }: StoreError) => resolve(code);
        const again = () => ++sent;
        const sender = { decodeResult: decode, sendWrite: again };
        const waiter =
          kind === 'read'
            ? new PromiseWaiter(decode, ok, fail, again)
            : new WriteWaiter(sender, 'key', 'value', order, ok, fail);
        for (const _ of answers) waiter.settle(REPLY);
      });
      t.is(await done, ending);
      t.is(sent, sends);
    }
  });
}
