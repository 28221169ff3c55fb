/** Under which id a vnode mints: a stand-in's dots must never be claimed by a vector that has not seen them. */
import test from 'ava';
import { Minter } from '../../actors/minter.js';
import type { Env } from '../../src/actor/env.js';
import type { Store } from '../../src/actor/ports.js';
import { nodeIndex, replicaId } from '../../src/core/ids.js';
import { SimEnv } from '../sim/sim-env.js';

const HOLDER = replicaId(77);

/** The env of a node, as much as a minter asks for. */
function envOf(node: number, forgets: () => number): Pick<Env, 'node' | 'placement' | 'random' | 'store'> {
  const { system } = new SimEnv({ n: 3 });
  const { placement, store } = system;
  let drawn = node;
  const held = {
    get forgets() {
      return forgets();
    },
    replica: HOLDER,
    find: store.find.bind(store),
  } as Store;
  return { node: nodeIndex(node), placement, store: held, random: () => ++drawn * 7_919 };
}

test('minter: a holder -> the storage incarnation, whatever was forgotten', (t) => {
  let forgets = 0;
  const env = envOf(1, () => forgets) as Env;
  const minter = new Minter(0);
  t.is(minter.idFor(0, env), HOLDER);
  forgets++;
  t.is(minter.idFor(0, env), HOLDER);
});

test('minter: a stand-in -> an id of its own, and another one once the node has forgotten anything', (t) => {
  let forgets = 0;
  const env = envOf(5, () => forgets) as Env;
  const minter = new Minter(0);
  const first = minter.idFor(0, env);
  t.not(first, HOLDER);
  t.is(minter.idFor(0, env), first);
  forgets++;
  const second = minter.idFor(0, env);
  t.not(second, first);
  t.not(second, HOLDER);
  t.not(new Minter(0).idFor(0, env), second);
});
