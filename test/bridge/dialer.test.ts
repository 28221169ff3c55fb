/** How often an address is dialed, with a clock that the test turns. */
import { mock } from 'node:test';
import test from 'ava';
import { Dialer, type DialOutcome } from '../../src/bridge/dialer.js';
import { Dialing } from '../../src/bridge/dialing.js';
import { Greeter } from '../../src/bridge/greeter.js';
import { RARE_REDIAL_CAP_MS, REDIAL_CAP_MS } from '../../src/bridge/limits.js';
import { Tally } from '../../src/bridge/stats.js';
import { freePorts } from './rogue.js';

const HOUR_MS = 3_600_000;
const STEP_MS = 25;

/** When attempts were made within an hour, milliseconds, where each ends as `outcomeOf` says. */
function attempts(outcomeOf: (attempt: number) => DialOutcome, capMs: number, random: number): readonly number[] {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const at: number[] = [];
    let nowMs = 0;
    const dialer = new Dialer('127.0.0.1:7400', 'b', {
      attempt: (_dialer, done) => {
        at.push(nowMs);
        done(outcomeOf(at.length));
        return () => undefined;
      },
      isLinked: () => false,
      capMs: () => capMs,
      random: () => random,
    });
    dialer.wake();
    for (; nowMs < HOUR_MS; nowMs += STEP_MS) mock.timers.tick(STEP_MS);
    dialer.stop();
    return at;
  } finally {
    mock.timers.reset();
  }
}

const pausesOf = (at: readonly number[]) => at.slice(1).map((ms, i) => ms - at[i]);

for (const { what, outcome, capMs } of [
  { what: 'a host that is away', outcome: 'failed', capMs: REDIAL_CAP_MS },
  { what: 'a host that nobody waits for', outcome: 'failed', capMs: RARE_REDIAL_CAP_MS },
  { what: 'a host that does not know this one, or is this one', outcome: 'unwelcome', capMs: RARE_REDIAL_CAP_MS },
] as const) {
  test.serial(`dialer: ${what} -> pauses that double up to ${capMs} ms and stay there, for ever`, (t) => {
    const pauses = pausesOf(attempts(() => outcome, outcome === 'failed' ? capMs : REDIAL_CAP_MS, 0.999));
    for (const [i, pause] of pauses.slice(0, 5).entries()) {
      t.true(Math.abs(pause - 100 * 2 ** i) <= 2 * STEP_MS, `pause ${i}: ${pause} ms`);
    }
    t.true(pauses.slice(12).every((pause) => pause > capMs * 0.99 - STEP_MS && pause <= capMs));
    t.true(pauses.length > (HOUR_MS / capMs) * 0.9);
    const half = pausesOf(attempts(() => outcome, outcome === 'failed' ? capMs : REDIAL_CAP_MS, 0.5));
    t.true(Math.abs(half[20] - capMs / 2) <= STEP_MS, `jitter: ${half[20]} ms`);
  });
}

test.serial('dialer: a host that is connected at last -> is dialed no more', (t) => {
  t.is(attempts((attempt) => (attempt < 12 ? 'failed' : 'linked'), REDIAL_CAP_MS, 0.999).length, 12);
});

test.serial('dialer: an address of a host that was forgotten -> is dialed once', (t) => {
  t.is(attempts(() => 'never', REDIAL_CAP_MS, 0.5).length, 1);
});

/** How often each address is dialed within ten minutes, where nobody answers. */
async function dialedEach(hosts: readonly string[], seeds: readonly string[], hasCompany: boolean) {
  const dialed = new Map<string, number>();
  const credentials = { clusterName: 'test', clockDriftMaxMs: 60_000 };
  const self = { host: 'a', address: '127.0.0.1:7400', first: 0, room: 32, zone: '', machine: '' };
  const purpose = 'peer' as const;
  const dialing = new Dialing({
    credentials,
    greeter: new Greeter({ ...credentials, self, optionsHash: '', purpose, monotonicMs: () => 0 }),
    tally: new Tally(),
    isLinked: () => false,
    hasCompany: () => hasCompany,
    objection: () => undefined,
    onPeer: () => false,
    onRefused: (address) => dialed.set(address, (dialed.get(address) ?? 0) + 1),
  });
  mock.timers.enable({ apis: ['setTimeout'] });
  const known = hosts.map((address, i) => ({ ...self, host: 'bc'[i], address, first: 32 * (i + 1) }));
  dialing.setIdle(new Set(['c']));
  dialing.begin([self, ...known], seeds);
  for (let nowMs = 0; nowMs < 600_000; nowMs += 250) {
    mock.timers.tick(250);
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
  dialing.stop();
  mock.timers.reset();
  return [...hosts, ...seeds].map((address) => dialed.get(address) ?? 0);
}

test.serial(
  'dialing: a host without a node in the ring, a seed where other hosts are connected -> dialed rarely',
  async (t) => {
    const addresses = (await freePorts(3)).map((port) => `127.0.0.1:${port}`);
    const [[away, idle, seed], [, , onlyWay]] = [
      await dialedEach(addresses.slice(0, 2), addresses.slice(2), true),
      await dialedEach(addresses.slice(0, 2), addresses.slice(2), false),
    ];
    // pauses of 2.5 s in the mean, and of 30 s
    t.true(away > 120 && onlyWay > 120, `${away} and ${onlyWay} times`);
    t.true(idle < 60 && seed < 60 && idle > 10 && seed > 10, `${idle} and ${seed} times`);
  },
);
