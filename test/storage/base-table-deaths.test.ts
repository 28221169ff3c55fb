import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import { ExitGate } from '../../src/storage/exit-gate.js';

const DEATHS = ['throw', 'terminate', 'out of heap', 'terminate early'] as const;
type Death = (typeof DEATHS)[number];
const LIVES = 24;
const KEYS = 1_500;

/** Checks what is on disk against the last generation known to be synced, then writes generations until it dies: soon, or after one of its own. */
const LIFE = `
  const { workerData, parentPort } = require('node:worker_threads');
  const { path, death, patient, gateWords, synced, keys, urls } = workerData;
  const hoard = [];
  (async () => {
    const { BaseTable } = await import(urls.table);
    const { ExitGate } = await import(urls.gate);
    parentPort.postMessage('opening');
    const table = BaseTable.open({ path, mapBytesMax: 2 ** 28, compression: false, gate: new ExitGate(gateWords) });
    const last = Atomics.load(synced, 0);
    let found = 0;
    for (const { key, record } of table.range(9)) {
      if (record.length !== 104 || record[103] !== record[0]) throw new Error('garbage');
      if (record.readInt32LE(96) < last) throw new Error('lost generation ' + last);
      if (Number(key.toString()) !== found++) throw new Error('lost a key');
    }
    if (last > 0 && found !== keys) throw new Error('lost keys: ' + found);
    Atomics.add(synced, 1, 1);
    const arm = () => {
      parentPort.postMessage('writing');
      if (death === 'throw') setTimeout(() => { throw new Error('on purpose'); }, Math.random() * 20);
      if (death === 'out of heap') setTimeout(() => { for (;;) hoard.push({ kept: [hoard.length] }); }, Math.random() * 20);
    };
    if (!patient) arm();
    for (let generation = last + 1; ; generation++) {
      await table.write(Array.from({ length: keys }, (_, index) => {
        const record = Buffer.alloc(104, generation + index);
        record.writeInt32LE(generation, 96);
        return { partition: 9, key: Buffer.from(String(index).padStart(8, '0')), record };
      }));
      Atomics.store(synced, 0, generation);
      if (patient && generation === last + 1) arm();
    }
  })();`;

async function terminate(worker: Worker, gate: ExitGate): Promise<void> {
  gate.shut();
  while (!gate.clear) await sleep(1);
  void worker.terminate();
}

async function live(path: string, index: number, synced: Int32Array): Promise<string> {
  const death = DEATHS[index % DEATHS.length];
  const patient = index % (2 * DEATHS.length) < DEATHS.length;
  const gateWords = new Int32Array(new SharedArrayBuffer(8));
  const urls = {
    table: new URL('../../src/storage/base-table.js', import.meta.url).href,
    gate: new URL('../../src/storage/exit-gate.js', import.meta.url).href,
  };
  const worker = new Worker(LIFE, {
    eval: true,
    workerData: { path, death, patient, gateWords, synced, keys: KEYS, urls },
    resourceLimits: { maxOldGenerationSizeMb: death === 'out of heap' ? 24 : 128 },
  });
  let reason = '';
  worker.on('error', (error: Error & { code?: string }) => {
    reason = error.code ?? error.message;
  });
  const exit = new Promise((resolve) => worker.on('exit', resolve));
  const gate = new ExitGate(gateWords);
  worker.on('message', (state: string) => {
    if (death === 'terminate early' && state === 'opening') void terminate(worker, gate);
    if (death === 'terminate' && state === 'writing')
      setTimeout(() => void terminate(worker, gate), Math.random() * 20);
  });
  await exit;
  return reason;
}

/** Open files of this process, where the system tells. */
function openDescriptors(): number {
  return existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0;
}

test('base table: its thread dies again and again with a batch in flight -> nothing synced is lost, nothing leaks', async (t) => {
  const path = mkdtempSync(join(tmpdir(), 'kvorum-deaths-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  const synced = new Int32Array(new SharedArrayBuffer(8));
  const reasons: Record<Death, string> = {
    throw: 'on purpose',
    terminate: '',
    'out of heap': 'ERR_WORKER_OUT_OF_MEMORY',
    'terminate early': '',
  };
  let descriptors = 0;
  for (let index = 0; index < LIVES; index++) {
    const death = DEATHS[index % DEATHS.length];
    t.is(await live(path, index, synced), reasons[death], `life ${index}, ${death}`);
    if (index === DEATHS.length) descriptors = openDescriptors();
  }
  t.true(synced[1] >= (LIVES * 3) / 4, `${synced[1]} lives saw the table`);
  t.true(synced[0] > 0, 'generations were synced');
  t.is(openDescriptors(), descriptors);
});

test('exit gate: shut while the thread is inside -> clear only after it left', (t) => {
  const gate = new ExitGate();
  t.true(gate.clear);
  gate.enter();
  gate.shut();
  t.false(gate.clear);
  gate.leave();
  t.true(gate.clear);
});
