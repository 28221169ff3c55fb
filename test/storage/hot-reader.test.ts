import { once } from 'node:events';
import { setImmediate as eventTurn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import { Control } from '../../src/storage/node-memory.js';
import { allocateTiny, TinyTable } from './tiny-table.js';

interface Counts {
  readonly accepted: number;
  readonly misses: number;
  readonly races: number;
  readonly torn: number;
  readonly early: number;
  readonly backwards: number;
  readonly lost: number;
}

const READERS = 3;

/** Writes at full speed for `ms`: short turns, undone handlers, flushes, second chances, all over a few kilobytes. */
async function writeFor(table: TinyTable, keys: number, ms: number): Promise<number> {
  const end = performance.now() + ms;
  let random = 99;
  let stamp = 0;
  while (performance.now() < end) {
    for (let turn = 0; turn < 200; turn++) {
      for (let i = 0; i < 6; i++) {
        random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0;
        const undone = i === 3;
        if (!table.put((random >>> 9) % keys, undone ? stamp : ++stamp, undone)) break;
      }
      table.endTurn();
      if (turn % 4 === 0) table.flush();
      if (turn % 8 === 0) table.makeRoom(table.arena.capacityUnits >>> 2);
    }
    await eventTurn();
  }
  return stamp;
}

async function race(arenaBytes: number, keys: number, ms: number): Promise<{ counts: Counts; laps: number }> {
  const setup = allocateTiny(arenaBytes, keys * 2, keys);
  const stop = new SharedArrayBuffer(4);
  const table = new TinyTable(setup);
  const workers = Array.from({ length: READERS }, (_, i) => {
    return new Worker(new URL('./hot-reader-worker.js', import.meta.url), { workerData: { setup, stop, seed: i + 1 } });
  });
  await Promise.all(workers.map((worker) => once(worker, 'online')));
  const answers = Promise.all(workers.map((worker) => once(worker, 'message')));
  await writeFor(table, keys, ms);
  Atomics.store(new Int32Array(stop), 0, 1); // Atomics: tells the readers to end
  const counts = (await answers).map(([one]) => one as Counts);
  await Promise.all(workers.map((worker) => worker.terminate()));
  const sum = (name: keyof Counts) => counts.reduce((total, one) => total + one[name], 0);
  const laps = new Int32Array(setup.memory.control)[Control.laps];
  const total = {
    accepted: sum('accepted'),
    misses: sum('misses'),
    races: sum('races'),
    torn: sum('torn'),
    early: sum('early'),
    backwards: sum('backwards'),
    lost: sum('lost'),
  };
  return { counts: total, laps };
}

for (const [arenaBytes, keys] of [
  [6_144, 32],
  [65_536, 400],
] as const) {
  test(`hot reader: ${READERS} threads beside a writer that laps ${arenaBytes} bytes -> whole, logged, newest values only`, async (t) => {
    const { counts, laps } = await race(arenaBytes, keys, 2_500);
    t.log(`${laps} laps`, JSON.stringify(counts));
    t.true(laps > 20 && counts.accepted > 1_000 && counts.misses > 0);
    t.like(counts, { torn: 0, early: 0, backwards: 0, lost: 0 });
  });
}
