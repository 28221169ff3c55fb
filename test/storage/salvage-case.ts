/** A log of some turns that tests damage and salvage, and what is to be left of it. */
import type { ExecutionContext } from 'ava';
import { type NodeOptions, StorageNode, type Teardown, testFolder } from './node-fixture.js';
import { keyOf } from './records.js';

export const key = (i: number) => keyOf(`key-${i}`);
export const TURNS = 12;
export const PER_TURN = 3;
export const keysOf = (turn: number): number[] => Array.from({ length: PER_TURN }, (_, i) => turn * PER_TURN + i);
export const ALL = Array.from({ length: TURNS }, (_, turn) => turn);

/** A log of twelve turns, each a block of three records, as a crash leaves it. */
export async function written(t: ExecutionContext, options: NodeOptions = {}): Promise<StorageNode> {
  const node = await StorageNode.open(t, testFolder(t), options);
  for (const turn of ALL) {
    for (const i of keysOf(turn)) node.put(key(i), `value-${i}`);
    node.endTurn();
  }
  await node.crash();
  return node;
}

export const turnsHeld = (node: StorageNode): number[] =>
  ALL.filter((turn) => keysOf(turn).every((i) => node.text(key(i)) === `value-${i}`));

export const without = (...lost: number[]): number[] => ALL.filter((turn) => !lost.includes(turn));

/** Salvages, looks, and looks once more after another start. */
export async function salvaged(
  t: Teardown,
  node: StorageNode,
  look: (node: StorageNode) => void,
  changes: NodeOptions = {},
): Promise<StorageNode> {
  const one = await node.reopen(t, { ...changes, salvage: true });
  look(one);
  const two = await one.reopen(t, { ...changes, salvage: false });
  look(two);
  return one;
}
