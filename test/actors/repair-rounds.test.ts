/** When a node compares without being asked. */
import test from 'ava';
import type { AntiEntropyState } from '../../actors/anti-entropy.js';
import { startRounds, visitRounds } from '../../actors/repair-rounds.js';
import type { Env } from '../../src/actor/env.js';
import { nodeIndex } from '../../src/core/ids.js';

const DAY_MS = 86_400_000;

test('repair rounds: a node is away and comes back, whatever the clock of 32 bits shows -> it is compared with', (t) => {
  for (let day = 0; day <= 60; day += 4) {
    let nowMs = 1_000_000;
    let isUp = true;
    const added: string[] = [];
    const env = {
      node: nodeIndex(0),
      nowMs: () => nowMs | 0,
      wallMs: () => 0,
      random: () => 0,
      store: { systemPartition: 1, page: () => false },
      placement: {
        ...{ n: 2, partitions: 1, preference: Uint16Array.of(0, 1), next: Uint16Array.of(0, 1) },
        ...{ members: [nodeIndex(0), nodeIndex(1)], isUp: () => isUp, suspects: () => !isUp },
      },
    } as unknown as Env;
    const state = {
      rounds: startRounds(600_000, env),
      queue: { add: (_job: unknown, urgency: string) => added.push(urgency), sizeOf: () => 0 },
      options: { intervalMs: 600_000, report: () => undefined },
    } as unknown as AntiEntropyState;
    const goOn = (forMs: number, stepMs: number): void => {
      for (const endMs = nowMs + forMs; nowMs < endMs; nowMs += stepMs) visitRounds(state, env);
    };
    goOn(10_000, 250);
    goOn(day * DAY_MS, DAY_MS);
    isUp = false;
    goOn(1_000, 250);
    isUp = true;
    goOn(5_000, 250);
    t.true(added.includes('known'), `after ${day} days`);
  }
});
