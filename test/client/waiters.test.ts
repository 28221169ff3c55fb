/** What a refusal that another try can cure does to a request: it is sent again with pauses, until its one deadline. */
import test from 'ava';
import { PromiseWaiter } from '../../src/client/waiters.js';
import { WriteWaiter } from '../../src/client/write-waiter.js';
import type { WriteOrder } from '../../src/client/writes.js';
import { type ErrorCode, StoreError } from '../../src/index.js';
import { MessageView } from '../../src/protocol/header.js';

const REPLY = new MessageView();
const KINDS = ['read', 'write'] as const;

interface Outcome {
  readonly ending: string;
  /** The time that was left at each repetition. */
  readonly sends: readonly number[];
}

/** A request that gets these answers, each as soon as it has been sent: an error code, or undefined for a success. */
function ask(kind: (typeof KINDS)[number], answerTo: (attempt: number) => ErrorCode | undefined, deadlineMs: number) {
  const sends: number[] = [];
  const decode = () => {
    const code = answerTo(sends.length);
    if (code !== undefined) throw new StoreError(code, 'as planned');
    return { replicas: 2, fallbacks: 0, durability: 'sync' as const };
  };
  return new Promise<Outcome>((resolve) => {
    const ok = ({ durability }: { durability: string }) => resolve({ ending: durability, sends });
    const fail = ({ code }: StoreError) => resolve({ ending: code, sends });
    const again = (leftMs: number) => {
      setImmediate(settle);
      return sends.push(leftMs);
    };
    const leftMs = () => deadlineMs;
    let settle: () => void;
    if (kind === 'read') {
      const waiter = new PromiseWaiter(decode, ok, fail, { send: (_, left) => again(left), leftMs });
      settle = () => waiter.settle(REPLY);
    } else {
      const addWrite = (_key: unknown, _value: unknown, { deadlineMs: left }: WriteOrder) => void again(left);
      const waiter = new WriteWaiter(
        { decodeResult: decode, leftMs, addWrite },
        'key',
        'value',
        {} as WriteOrder,
        ok,
        fail,
      );
      settle = () => waiter.settled(0, REPLY);
    }
    settle();
  });
}

for (const kind of KINDS) {
  for (const [answers, sends, ending] of [
    [['KV_STALE_EPOCH', undefined], 1, 'sync'],
    [['KV_STALE_EPOCH', 'KV_DEADLINE_EXCEEDED', 'KV_STALE_EPOCH', undefined], 3, 'sync'],
    [['KV_STALE_EPOCH', 'KV_OVERLOADED'], 1, 'KV_OVERLOADED'],
    [['KV_OVERLOADED'], 0, 'KV_OVERLOADED'],
    [[undefined], 0, 'sync'],
  ] as const) {
    test(`waiters: a ${kind}, answers ${answers.join(', ')} -> sent again ${sends} times, ends as ${ending}`, async (t) => {
      const outcome = await ask(kind, (attempt) => answers[attempt], 60_000);
      t.is(outcome.ending, ending);
      t.is(outcome.sends.length, sends);
    });
  }

  test(`waiters: a ${kind} is refused for ever -> one deadline for all tries, with pauses between`, async (t) => {
    const startedAt = performance.now();
    const { ending, sends } = await ask(kind, () => 'KV_STALE_EPOCH', 300);
    t.true(performance.now() - startedAt < 5_000);
    t.is(ending, 'KV_STALE_EPOCH');
    // 0, 2, 4, 8 … 100 ms apart
    t.true(sends.length > 1 && sends.length < 12, `${sends.length}`);
    t.true(sends.every((left, index) => left <= 300 && left > 0 && (index === 0 || left < sends[index - 1])));
  });
}
