/** What a refusal that another try can cure does to a request: it is sent again with pauses, until its one deadline. */
import test from 'ava';
import { Batch, type BatchOptions, PromiseWaiter, type SendItem } from '../../src/client/waiters.js';
import { WriteWaiter } from '../../src/client/write-waiter.js';
import type { WriteOrder } from '../../src/client/writes.js';
import { type ErrorCode, StoreError } from '../../src/index.js';
import { MessageView } from '../../src/protocol/header.js';
import { until } from './store-fixture.js';

const REPLY = new MessageView();
const KINDS = ['read', 'write'] as const;

interface Outcome {
  readonly ending: string;
  /** The time that was left at each repetition. */
  readonly sends: readonly number[];
}

/** A request that gets these answers, each as soon as it has been sent: an error code, or undefined for a success. */
function ask(
  kind: (typeof KINDS)[number],
  answerTo: (attempt: number) => ErrorCode | undefined,
  deadlineMs: number,
  paused = { count: 0 },
) {
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
      const waiter = new PromiseWaiter(decode, ok, fail, { send: (_, left) => again(left), leftMs, paused });
      settle = () => waiter.settle(REPLY);
    } else {
      const addWrite = (_key: unknown, _value: unknown, { deadlineMs: left }: WriteOrder) => void again(left);
      const waiter = new WriteWaiter(
        { decodeResult: decode, leftMs, paused, addWrite },
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
    const paused = { count: 0 };
    const asked = ask(kind, () => 'KV_STALE_EPOCH', 300, paused);
    await until(() => paused.count === 1);
    const { ending, sends } = await asked;
    t.is(paused.count, 0, 'a request that pauses is in flight, one that has ended is not');
    t.true(performance.now() - startedAt < 5_000);
    t.is(ending, 'KV_STALE_EPOCH');
    // 0, 2, 4, 8 … 100 ms apart
    t.true(sends.length > 1 && sends.length < 12, `${sends.length}`);
    t.true(sends.every((left, index) => left <= 300 && left > 0 && (index === 0 || left < sends[index - 1])));
  });
}

const refusal = (code: ErrorCode) => new StoreError(code, 'as planned');

function batchOf(send: SendItem<string>, options: Partial<BatchOptions<string>> = {}): Batch<string> {
  return new Batch(send, {
    keyOf: (item) => item,
    check: () => undefined,
    deadlineMs: 60_000,
    window: 100,
    signal: undefined,
    publish: () => undefined,
    onAbort: () => undefined,
    ...options,
  });
}

test('batch: aborted while it pauses before it sends again -> sends nothing any more', async (t) => {
  const controller = new AbortController();
  let sends = 0;
  const batch = batchOf(
    (_item, member, index) => {
      sends++;
      setImmediate(() => {
        member.failed(index, refusal('KV_OVERLOADED'));
        // pauses of 2, 4 … 64 ms: long enough by now
        if (sends === 6) setImmediate(() => controller.abort());
      });
    },
    { signal: controller.signal },
  );
  const error = await t.throwsAsync(batch.run(['a']));
  t.deepEqual([(error as StoreError).code, sends], ['KV_ABORTED', 6]);
});

test('batch: the iterable aborts it -> what it yields then is not sent', async (t) => {
  const controller = new AbortController();
  const sent: string[] = [];
  const batch = batchOf((item) => void sent.push(item), { signal: controller.signal });
  const items = function* () {
    yield 'a';
    controller.abort();
    yield 'b';
  };
  await t.throwsAsync(batch.run(items()), { message: /abort/ });
  t.deepEqual(sent, ['a']);
});

test('batch: the iterable throws -> so does the batch, once nothing is under way', async (t) => {
  let isUnderWay = false;
  const batch = batchOf((_item, member, index) => {
    isUnderWay = true;
    setTimeout(() => {
      isUnderWay = false;
      member.settled(index, REPLY);
    }, 20);
  });
  const items = function* () {
    yield 'a';
    throw new Error('no more');
  };
  await t.throwsAsync(batch.run(items()), { message: 'no more' });
  t.false(isUnderWay);
});
