/**
 * A process that is killed in the midst of a salvage, or later: writes, and prints a line for each acknowledged write, and one
 * when no salvage is under way any more. `node salvage-child.js <path> <life> [<segment> <byte>]`: where that is given, the byte of
 * node 1's log is flipped and its thread ended when it has written some, so that it salvages while the others serve.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { hostOf } from '../../src/client/open.js';
import { open } from '../../src/index.js';
import { patiently, SMALL, until } from '../client/store-fixture.js';
import { flip } from '../storage/log-bytes.js';
import { AGAIN, say, THROUGH } from './say.js';

const [path, life, segment, at] = process.argv.slice(2);
const LANES = 4;
const PAUSE_MS = 2;
const BEFORE_DAMAGE = 40;
const store = await open({ ...SMALL, path });
let acknowledged = 0;

async function lane(index: number): Promise<void> {
  for (let number = 0; ; number++) {
    const key = `${life}-${index}-${number}`;
    await patiently(() => store.put(key, key), AGAIN);
    say(key);
    acknowledged++;
    await sleep(PAUSE_MS);
  }
}

for (let index = 0; index < LANES; index++) void lane(index);
await until(() => acknowledged >= BEFORE_DAMAGE);
if (segment !== undefined) {
  flip(segment, Number(at));
  const { incarnation } = store.members()[1];
  await hostOf(store).supervisor(1).terminate();
  await until(() => store.members()[1].incarnation > incarnation + 1 && store.members()[1].counts === true);
}
say(THROUGH);
