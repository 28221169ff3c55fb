/**
 * The end of a run in which dead records are collected: every key is deleted, and before long no node holds anything of any,
 * nor does anything come back.
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
}

/** A node that holds what it should not looks for that every ten minutes, and keeps it for half a minute more. */
const COLLECTED_MS = 700_000;
const ASKED_MS = 600;

export function buryAll(scope: BurialScope): void {
  const { world, observer, workload, keys, n, judge } = scope;
  const [client] = world.clients;
  const bury = (key: string, resends: number) => {
    const done = (call: Call) => {
      if (resends > 0 && isCurable(call)) return world.after(RESEND_MS, () => bury(key, resends - 1));
      judge(call);
      if (call.error !== undefined) observer.problem(`a delete of ${key} failed with ${call.error} in the end`, key);
    };
    client.write({ ...workload.nextWrite(key, true), callerClock: clock(0) }, { done });
  };
  for (const key of keys) bury(key, RESENDS_MAX);
  world.runFor(ASKED_MS + RESENDS_MAX * RESEND_MS);
  const held = () => keys.filter((key) => world.nodes.some(({ up, store }) => up && store.record(key) !== undefined));
  if (!world.runUntil(() => held().length === 0, COLLECTED_MS)) {
    for (const key of held()) observer.problem(`${key} is deleted, and is not forgotten`, key);
    return;
  }
  for (const key of keys) client.read({ key, r: n }, { done: judge });
  world.runFor(ASKED_MS);
  for (const key of held()) observer.problem(`something of ${key} has come back`, key);
}
