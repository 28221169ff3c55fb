/** What a node holds of partitions that are not its own: forgotten by and by, but not while it owes something to others. */
import test from 'ava';
import { hintKeeper } from '../../actors/hint-keeper.js';
import { Role } from '../../src/actor/address.js';
import { partsOf } from '../../src/sim/messages.js';
import type { SimNode } from '../../src/sim/sim-node.js';
import { World } from '../../src/sim/world.js';
import { putAt } from '../sim/replicas.js';
import { SimEnv } from '../sim/sim-env.js';
import { plain } from './sets.js';

const KEYS = Array.from({ length: 300 }, (_, index) => `{one}${index}`);

/** Five nodes of one host, three of them holders of the keys; the hints are counted. */
function scene() {
  const world = new World({ seed: 3, nodes: 5, n: 3, partitions: 8, nodesPerHost: 5 });
  world.runFor(200);
  const held = world.holders(partsOf(KEYS[0]).slot) as readonly number[];
  const holders = held.map((node) => world.nodes[node]);
  const others = world.nodes.filter(({ index }) => !held.includes(index));
  return { world, holders, others };
}

const heldBy = ({ store }: SimNode): number => KEYS.filter((key) => store.record(key) !== undefined).length;

test('forgetting: old records of a partition that is not the node’s -> are gone after a sweep, the holders keep theirs', (t) => {
  const { world, holders, others } = scene();
  for (const node of world.nodes) for (const key of KEYS) putAt(node, key, plain('a', 1, 'v'));
  t.true(world.runUntil(() => others.every((node) => heldBy(node) === 0), 900_000));
  t.deepEqual(holders.map(heldBy), [300, 300, 300]);
});

test('forgetting: the node has a hint -> nothing is forgotten, old strays neither, until it is handed over', (t) => {
  const { world, holders } = scene();
  world.crash(holders[1]);
  const call = world.clients[0].write({ key: KEYS[0], value: 'new', w: 3, available: true });
  t.true(world.runUntil(() => call.endMs < Number.POSITIVE_INFINITY));
  const keeper = world.nodes.find(({ hints }) => hints.hints > 0) as SimNode;
  for (const key of KEYS.slice(1)) putAt(keeper, key, plain('a', 1, 'v'));
  world.runFor(1_500_000);
  t.is(heldBy(keeper), 300);
  world.restart(holders[1]);
  t.true(world.runUntil(() => heldBy(keeper) === 0, 900_000));
  t.is(keeper.hints.handedOver, 1);
});

test('forgetting: the hint keeper starts anew -> the node owes something until the hints are counted', (t) => {
  const debts = { owes: false };
  const options = { hintBytesMax: 1, hintAgeMaxMs: 1, report: () => undefined, debts };
  const env = new SimEnv({ roles: [Role.hintKeeper], wrap: () => hintKeeper(options) });
  t.true(debts.owes);
  env.pass(100);
  t.false(debts.owes);
});
