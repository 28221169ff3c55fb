/**
 * The end of a run in which dead records are collected: every key is deleted, and before long no node holds anything of any,
 * nor does anything come back. Where channels are held up, the first of them gets a write before that, of which one holder's
 * copy is still on its way when everything else that the collection of its tombstone waits for has come to pass.
 */
import { clock } from '../core/ids.js';
import { type Call, isCurable, RESEND_MS, RESENDS_MAX } from './calls.js';
import type { Observer } from './observer.js';
import type { Workload } from './workload.js';
import type { World } from './world.js';

export interface BurialScope {
  readonly world: World;
  readonly observer: Observer;
  readonly workload: Workload;
  readonly keys: readonly string[];
  readonly n: number;
  readonly judge: (call: Call) => void;
  /** Whether channels are held up. */
  readonly holds: boolean;
}

/** A node that holds what it should not looks for that every ten minutes, and keeps it for half a minute more. */
const COLLECTED_MS = 700_000;
const ASKED_MS = 600;
/** Within this time a write has reached all whom nothing keeps it from. */
const WRITTEN_MS = 250;
/** Within this time a tombstone is collected, if nothing is waited for. */
const LATE_MS = 3_000;

export function buryAll(scope: BurialScope): void {
  const { world, observer, keys, n, judge } = scope;
  if (scope.holds) buryLate(keys[0], scope);
  for (const key of keys) bury(key, scope);
  world.runFor(ASKED_MS + RESENDS_MAX * RESEND_MS);
  const held = () => keys.filter((key) => world.nodes.some(({ up, store }) => up && store.record(key) !== undefined));
  if (!world.runUntil(() => held().length === 0, COLLECTED_MS)) {
    for (const key of held()) observer.problem(`${key} is deleted, and is not forgotten`, key);
    return;
  }
  for (const key of keys) world.clients[0].read({ key, r: n }, { done: judge });
  world.runFor(ASKED_MS);
  for (const key of held()) observer.problem(`something of ${key} has come back`, key);
}

function bury(key: string, scope: BurialScope, resends = RESENDS_MAX): void {
  const { world, observer, workload, judge } = scope;
  const done = (call: Call) => {
    if (resends > 0 && isCurable(call)) return world.after(RESEND_MS, () => bury(key, scope, resends - 1));
    judge(call);
    if (call.error !== undefined) observer.problem(`a delete of ${key} failed with ${call.error} in the end`, key);
  };
  world.clients[0].write({ ...workload.nextWrite(key, true), callerClock: clock(0) }, { done });
}

/** Deletes a key while a write of one of its holders is held up on its way to another. */
function buryLate(key: string, scope: BurialScope): void {
  const { world, workload, judge } = scope;
  const [, ...others] = world.holdersOf(key);
  const pairs = others.flatMap((from) => others.map((to) => [from, to] as const));
  const [from, to] = pairs.find(([from, to]) => world.hostOf(from) !== world.hostOf(to)) ?? [];
  if (from === undefined || to === undefined) return;
  const release = world.network.lane(from, to).hold();
  // a write that is given up meanwhile leaves a hint, which would be waited for
  const deadlineMs = 2 * LATE_MS;
  world.clients[0].write(
    { ...workload.nextWrite(key), callerClock: clock(0), deadlineMs },
    { node: from, done: judge },
  );
  world.runFor(WRITTEN_MS);
  bury(key, scope);
  world.runFor(LATE_MS);
  release();
}
