/** Kills processes that write to a store, and checks what they leave behind; used by the suite and by test/long. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { open } from '../../src/index.js';
import { until } from '../client/store-fixture.js';
import { Ledger, SETTINGS } from './kill-ledger.js';

const CHILD = fileURLToPath(new URL('./kill-child.js', import.meta.url));
const CLI = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
/** Numbers of one life; no life of a test gets this far. */
const LIFE_NUMBERS = 1_000_000;

export interface KillReport {
  readonly kills: number;
  readonly acknowledged: number;
  readonly lost: readonly string[];
  readonly logCuts: number;
}

/** Starts a process that writes, kills it some moments after its first acknowledgement, opens what it left: `kills` times. */
export async function sufferKills(path: string, { n, kills }: { n: number; kills: number }): Promise<KillReport> {
  const ledger = new Ledger();
  const lost: string[] = [];
  let logCuts = 0;
  for (let life = 0; life < kills; life++) {
    const first = life * LIFE_NUMBERS + 1;
    ledger.take(await killedOutput([CHILD, path, String(n), String(first)], Math.random() * 300), first);
    const store = await open({ ...SETTINGS, path, n });
    store.on('log-cut', () => logCuts++);
    lost.push(...(await ledger.lost(store)).map((what) => `life ${life}: ${what}`));
    await store.close();
  }
  return { kills, acknowledged: ledger.acknowledged, lost, logCuts };
}

/** Runs a process, kills it `afterMs` behind its first output, and returns all of that. */
async function killedOutput(args: readonly string[], afterMs: number): Promise<string> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  let said = '';
  child.stdout.on('data', (chunk) => {
    text += chunk;
  });
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  const closed = once(child, 'close');
  await Promise.race([once(child.stdout, 'data'), closed]);
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  child.kill('SIGKILL');
  await closed;
  if (said !== '') throw new Error(`the process to be killed said: ${said}`);
  return text;
}

const LOAD_FLAGS = ['--nodes', '3', '--partitions', '16', '--memory-bytes', String(SETTINGS.memoryBytes)];

export function startLoad(path: string, file: string): ChildProcess {
  return spawn(process.execPath, [CLI, 'load', file, '--path', path, ...LOAD_FLAGS], { stdio: 'ignore' });
}

/** The newest segment of a node's log. */
function segmentOf(path: string): string {
  const log = join(path, 'node-000', 'log');
  return join(log, existsSync(log) ? (readdirSync(log).sort().at(-1) ?? '') : '');
}

/** Whether a segment has a first block: its header is followed by something else than reserved zeros. */
function hasWritten(segment: string): boolean {
  const bytes = readFileSync(segment);
  return bytes.length > 36 && bytes.readInt32LE(32) !== 0;
}

/** Kills the command line's `load` at a random moment of its work. */
export async function killLoad(path: string, file: string): Promise<void> {
  const before = segmentOf(path);
  const child = startLoad(path, file);
  const closed = once(child, 'close');
  const writes = () => segmentOf(path) !== before && hasWritten(segmentOf(path));
  await until(() => writes() || child.exitCode !== null, 30_000);
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 100));
  child.kill('SIGKILL');
  await closed;
}
