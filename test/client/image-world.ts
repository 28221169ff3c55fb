/** A simulated world whose first partition has pairs of keys, of which a client writes the second behind the first. */
import type { ExecutionContext } from 'ava';
import type { Entry } from '../../src/client/scan.js';
import { partsOf } from '../../src/sim/messages.js';
import { World } from '../../src/sim/world.js';
import { plain } from '../actors/sets.js';
import { putAt } from '../sim/replicas.js';

const PAIRS = 4;
/** Records between the first keys of the pairs and the second ones. */
const FILLERS = 100;
export const PARTITION = 0;
/** A tag whose keys are of the partition, in a ring of two. */
const TAG = Array.from({ length: 64 }, (_, index) => `{${index}}`).find((tag) => partsOf(tag).slot < 8_192);

export const key = (letter: string, pair: number) => `${TAG}${letter}:${String(pair).padStart(3, '0')}`;

/** Three replicas of the pairs, each worth 0, and of enough between them that a partition is several pages. */
export function worldOfPairs(seed: number, spares = 0): World {
  const world = new World({ seed, nodes: 3, n: 3, partitions: 2, clients: 3, spares });
  let count = 0;
  const put = (name: string, value: string) => {
    count++;
    for (const node of world.nodes.slice(0, 3)) putAt(node, name, plain('a', count, value));
  };
  for (let pair = 0; pair < PAIRS; pair++) {
    put(key('a', pair), '0');
    put(key('b', pair), '0');
  }
  for (let filler = 0; filler < FILLERS; filler++) put(key('aa', filler), 'x'.repeat(3_000));
  return world;
}

/** Writes the first of a pair, and behind its confirmation the second, and goes on until it is told to stop. */
export function writePairs(world: World, pauseMs: number): { stop(): void; readonly written: number } {
  const [client] = world.clients;
  let stopped = false;
  let written = 0;
  const write = (name: string, value: number, then: () => void) => {
    if (stopped) return;
    const retry = () => world.after(pauseMs + 1, () => write(name, value, then));
    const done = ({ error }: { error: unknown }) => (error === undefined ? world.after(pauseMs, then) : retry());
    client.write({ key: name, value: String(value), w: 2 }, { done });
  };
  const pair = (index: number): void =>
    write(key('a', index % PAIRS), index, () =>
      write(key('b', index % PAIRS), index, () => {
        written++;
        pair(index + 1);
      }),
    );
  pair(1);
  return {
    stop: () => {
      stopped = true;
    },
    get written() {
      return written;
    },
  };
}

/** How many pairs show the second write without the first. */
export function tornPairs(t: ExecutionContext, entries: readonly Entry[]): number {
  const values = new Map(
    entries.map(({ key: name, set }) => [name.toString(), Number(Buffer.from(set.siblings[0].value).toString())]),
  );
  t.is(values.size, 2 * PAIRS + FILLERS);
  return Array.from({ length: PAIRS }, (_, pair) => pair).filter(
    (pair) => (values.get(key('b', pair)) as number) > (values.get(key('a', pair)) as number),
  ).length;
}
