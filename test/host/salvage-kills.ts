/** Kills processes in the midst of a salvage, and checks what they leave behind; used by the suite and by test/long. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hostOf } from '../../src/client/open.js';
import { open, type Store } from '../../src/index.js';
import { patiently, SMALL, until } from '../client/store-fixture.js';
import { type Block, blocksOf } from '../storage/log-bytes.js';
import { AGAIN, THROUGH } from './say.js';

const CHILD = fileURLToPath(new URL('./salvage-child.js', import.meta.url));
const KILLING = new URL('./killing-files.js', import.meta.url).href;
const KEYS = 120;
const BATCH = 10;
/** What a process that is through with its salvage acknowledges before it is killed. */
const ACKNOWLEDGED = 50;

export interface SalvageKills {
  /** Kills in the midst of a salvage. */
  readonly kills: number;
  readonly acknowledged: number;
  /** What is missing or wrong, in words. */
  readonly lost: readonly string[];
}

type Expected = ReadonlyMap<string, string | undefined>;

interface LifeEnd {
  /** Whether it ended by itself, in the midst of a salvage. */
  readonly isKilled: boolean;
  readonly keys: readonly string[];
}

/**
 * Damages a node's log while the store serves, and kills the process ahead of one change after the other that salvages of it
 * make, each in a life of its own, until one is through; then opens what they left.
 */
export async function sufferSalvageKills(path: string, changes: readonly number[]): Promise<SalvageKills> {
  const before = await makeStore(path);
  const keys = new Map(before);
  const { path: segment, at } = victim(path);
  let kills = 0;
  let acknowledged = 0;
  for (const [life, change] of changes.entries()) {
    const damage = life === 0 ? [segment, String(at)] : [];
    const end = await killedLife([path, `life${life}`, ...damage], change);
    for (const key of end.keys) keys.set(key, key);
    acknowledged += end.keys.length;
    if (!end.isKilled) break;
    kills++;
  }
  return { kills, acknowledged, lost: await look(path, before, keys) };
}

/** Values of old on all three nodes; of new, and deletes, on nodes 0 and 1 alone. What it must hold, by key. */
async function makeStore(path: string): Promise<Expected> {
  const store = await open({ ...SMALL, path });
  const keys = Array.from({ length: KEYS }, (_, index) => `key-${index}`);
  const expected = new Map<string, string | undefined>(keys.map((key) => [key, 'old']));
  await store.putMany([...expected], { w: 3 });
  await hostOf(store).supervisor(2).hold();
  for (let from = 0; from < KEYS / 2; from += BATCH) {
    const batch = keys.slice(from, from + BATCH);
    await store.putMany(
      batch.map((key) => [key, 'new']),
      { w: 2 },
    );
    for (const key of batch) expected.set(key, 'new');
    await store.delete(batch[0], { w: 2 });
    expected.set(batch[0], undefined);
  }
  await store.close();
  return expected;
}

/** A byte of a block of node 1's log, among those that node 2 knows nothing of. */
function victim(path: string): Pick<Block, 'path' | 'at'> {
  const blocks = blocksOf(join(path, 'node-001', 'log'));
  const { path: segment, at } = blocks[blocks.length - 3];
  return { path: segment, at: at + 70 };
}

/** A process that is killed ahead of a change that its salvage makes; where it makes fewer, or none, while it writes. */
async function killedLife(args: readonly string[], killAt: number): Promise<LifeEnd> {
  const env = { ...process.env, NODE_OPTIONS: `--import ${KILLING}`, KILL_AT: String(killAt) };
  const child = spawn(process.execPath, [CHILD, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const keys: string[] = [];
  let isThrough = false;
  let rest = '';
  let said = '';
  child.stdout.on('data', (chunk) => {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    keys.push(...lines.filter((line) => line !== THROUGH));
    isThrough ||= lines.includes(THROUGH);
    if (isThrough && keys.length >= ACKNOWLEDGED) child.kill('SIGKILL');
  });
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  const [, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  if (signal !== 'SIGKILL') throw new Error(`the process to be killed ended by itself: ${said}`);
  return { isKilled: !isThrough, keys };
}

/** Opens what is left, and tells what is wrong with it when every node counts: of `before`, node 1 has to hold all by itself. */
async function look(path: string, before: Expected, expected: Expected): Promise<string[]> {
  const store = await open({ ...SMALL, path });
  const wrong: string[] = [];
  store.on('writes-may-be-lost', ({ node }) => wrong.push(`writes may be lost on node ${node}`));
  store.on('storage-error', ({ message }) => wrong.push(message));
  const allCount = async () => (await store.stats()).nodes.every(({ up, repairs }) => up && repairs.inDoubt === 0);
  const others = [0, 2].map((node) => hostOf(store).supervisor(node));
  try {
    await until(allCount);
    for (const other of others) await other.hold();
    wrong.push(...(await missing(store, before, 1)));
    for (const other of others) other.release();
    await until(allCount);
    wrong.push(...(await missing(store, expected, 2)));
    // what was in flight when a process was killed may be on some replicas
    await store.repair();
    const { differing } = await store.repair({ dryRun: true });
    if (differing > 0) wrong.push(`${differing} keys differ behind a repair`);
  } finally {
    await store.close();
  }
  return wrong;
}

async function missing(store: Store, expected: Expected, r: number): Promise<string[]> {
  const keys = [...expected.keys()];
  const values = await patiently(() => store.getMany(keys, { r }), AGAIN);
  return keys.flatMap((key, index) => {
    const want = expected.get(key);
    return values[index] === want ? [] : [`${key} (R=${r}) is ${values[index]}, not ${want}`];
  });
}
