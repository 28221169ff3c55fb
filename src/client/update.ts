/** `update`: a read, the caller's function, and a write with the context of the read; again where that left siblings. */
import { Written } from '../protocol/messages.js';
import { badArgument } from './batches.js';
import { encodeContext } from './context.js';
import { resolveSet } from './resolving.js';
import type { StoreCore } from './store-core.js';
import { timeLeft } from './time-left.js';
import type { Key, PutOptions, ReadOptions, Value } from './types.js';

/** Rounds before it leaves the siblings that others keep making. */
const ROUNDS_MAX = 16;

/** Not atomic. All rounds together have the one deadline. @throws StoreError as a read and a put; what `fn` throws */
export async function update(
  core: StoreCore,
  key: Key,
  fn: (value: Value | undefined) => Value,
  options: ReadOptions & PutOptions = {},
): Promise<Value> {
  core.calls.checkUpdate(options);
  if (typeof fn !== 'function') throw badArgument('update takes a function of the value');
  const { r, monotonic, w, durability, ttlMs, deadlineMs = core.calls.defaultRead.deadlineMs, ...common } = options;
  const reading = { ...common, ...(r !== undefined && { r }), ...(monotonic !== undefined && { monotonic }) };
  const writing = {
    ...common,
    ...(w !== undefined && { w }),
    ...(durability && { durability }),
    ...(ttlMs !== undefined && { ttlMs }),
  };
  const untilMs = performance.now() + deadlineMs;
  for (let round = 0; ; round++) {
    const order = core.calls.read({ ...reading, deadlineMs: round === 0 ? deadlineMs : timeLeft(untilMs) });
    const { set, hash } = await core.readSet(key, order);
    const value = fn(resolveSet(set, core.resolve, Date.now()));
    const context = encodeContext(set.vector, hash);
    const write = { ...writing, context, deadlineMs: timeLeft(untilMs) };
    const siblings = await core.write(key, value, write, false, (message) => {
      core.writes.result(message);
      return message.u32(Written.detail);
    });
    if (siblings <= 1 || round === ROUNDS_MAX) return value;
  }
}
