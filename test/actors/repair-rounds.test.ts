/** When a node compares without being asked. */
import test from 'ava';
import { Role } from '../../src/actor/address.js';
import { REPAIR_OPTION_SPECS } from '../../src/core/repair-options.js';
import { Kind } from '../../src/protocol/messages.js';
import { SimEnv } from '../sim/sim-env.js';

const DAY_MS = 86_400_000;

test('repair rounds: a node is away and comes back, whatever the clock of 32 bits shows -> it is compared with', (t) => {
  for (let day = 0; day <= 60; day += 4) {
    const env = new SimEnv({ n: 2, roles: [Role.antiEntropy], intervalMs: 20 * DAY_MS });
    const pass = (times: number, stepMs: number) =>
      Array.from({ length: times }, () => env.pass(stepMs)).flatMap((sent) => sent.map(({ tag }) => tag));
    pass(20, 500);
    pass(day, DAY_MS);
    env.down.add(1);
    t.false(pass(4, 500).includes(Kind.compare));
    env.down.delete(1);
    t.true(pass(20, 500).includes(Kind.compare), `after ${day} days`);
  }
});

test('repair rounds: the longest interval that may be chosen -> a round begins as rarely as that says', (t) => {
  const intervalMs = REPAIR_OPTION_SPECS.antiEntropyIntervalMs.max as number;
  const env = new SimEnv({ n: 2, roles: [Role.antiEntropy], intervalMs });
  let rounds = 0;
  for (let day = 0; day < 100; day++) {
    const sent = [DAY_MS, 500, 500, 500, 500].flatMap((durationMs) => env.pass(durationMs));
    if (sent.some(({ tag }) => tag === Kind.compare)) rounds++;
  }
  t.true(rounds >= 3 && rounds <= 5, `${rounds} rounds`);
});
