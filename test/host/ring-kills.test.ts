/** The whole process is killed in the middle of a change of its ring: opened again, the change goes on by itself. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { StoreChange } from '../../src/index.js';
import { makeFolder, openSmall, until } from '../client/store-fixture.js';

const CHILD = fileURLToPath(new URL('./ring-kill-child.js', import.meta.url));
const OPTIONS = { partitions: 32, nodesMax: 6 };
const KEYS = 1_500;

/** Kills the child so many milliseconds after its change has begun; the last write that it saw acknowledged. */
async function killInTheMiddle(path: string, change: StoreChange, afterMs: number): Promise<number> {
  const child = spawn(process.execPath, [CHILD, path, JSON.stringify(change)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  await until(() => output.includes('begun'), 60_000);
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  child.kill('SIGKILL');
  await once(child, 'close');
  return Math.max(0, ...output.split('\n').slice(0, -1).map(Number).filter(Number.isFinite));
}

test('ring: the process is killed in the middle of a join, then of a leave -> each goes on, nothing acknowledged is lost', async (t) => {
  const path = join(makeFolder(t), 'data');
  const first = await openSmall(t, { ...OPTIONS, path });
  const keys = Array.from({ length: KEYS }, (_, i) => `key-${i}`);
  await first.putMany(keys.map((key) => [key, key]));
  await first.close();
  for (const [change, members, afterMs] of [
    [{ kind: 'join' }, [0, 1, 2, 3], 150],
    [{ kind: 'leave', nodes: [0] }, [1, 2, 3], 300],
  ] as const) {
    const acknowledged = await killInTheMiddle(path, change, afterMs);
    const store = await openSmall(t, { ...OPTIONS, path });
    t.true(store.ring().epoch > 1);
    await until(() => store.ring().change === undefined, 60_000);
    t.deepEqual(
      store.members().map(({ node }) => node),
      [...members],
    );
    t.deepEqual(await store.getMany(keys), keys);
    t.true(((await store.get('load')) as number) >= acknowledged);
    await store.close();
  }
});
