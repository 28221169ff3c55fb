/** Which hosts are forgotten by themselves. */
import test from 'ava';
import { forgetHosts } from '../../src/client/join.js';
import type { ChangeResult, StoreChange } from '../../src/client/types.js';
import { nodeIndex } from '../../src/core/ids.js';
import { firstRingState, type RingState } from '../../src/core/ring-state.js';
import type { HostReport } from '../../src/host/reports.js';
import { ringOf } from '../../src/sim/ring-plan.js';
import { until } from './store-fixture.js';

const RESULT: ChangeResult = {
  id: 2,
  epoch: 2,
  partitions: 0,
  settled: 0,
  records: 0,
  bytes: 0,
  joined: [],
  done: true,
};

test('join: hosts that stay away -> those with no node in the ring are forgotten, once it has lasted', async (t) => {
  const names = ['member', 'guest', 'away', 'leaving'];
  const claims = names.map((host, index) => ({ host, first: index * 32, room: 32 }));
  const ring: RingState = {
    ...firstRingState(ringOf({ weights: [1, 1, 1], hosts: ['member', 'member', 'member'] })),
    hosts: claims,
    leavers: [nodeIndex(97)],
  };
  const forgotten: StoreChange[] = [];
  const host = {
    isClosed: false,
    ring,
    hosts: (): HostReport[] =>
      names.map((name) => ({
        ...{ host: name, zone: '', machine: '', own: false, nodes: [] },
        state: name === 'guest' ? ('up' as const) : ('down' as const),
      })),
    report: (_node: number, error: unknown) => t.fail(String(error)),
    map: { first: 0 } as never,
  };
  const change = async (wanted: StoreChange) => {
    forgotten.push(wanted);
    return RESULT;
  };
  forgetHosts({ change }, host, 200, 20);
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.deepEqual(forgotten, []);
  await until(() => forgotten.length > 2);
  host.isClosed = true;
  t.deepEqual(new Set(forgotten.map((one) => JSON.stringify(one))), new Set(['{"kind":"forget","host":"away"}']));
});
