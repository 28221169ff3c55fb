/**
 * Changes of the ring in the middle of everything: nodes join, leave, take another's place, and weigh more or less. What
 * is asked while another change is under way is refused, which is as good a test.
 */
import { nodeIndex } from '../core/ids.js';
import type { Fault, FaultScope } from './faults.js';
import { changeRing, joinSpare, memberOf } from './operator.js';
import type { SimNode } from './sim-node.js';

export const MEMBER_FAULTS: Readonly<Record<string, Fault>> = {
  join: {
    weight: 1.5,
    applies: (scope) => outsiders(scope).length > 0,
    strike: (scope) => {
      const { world, random } = scope;
      joinSpare(world, nodeIndex(random.pick(outsiders(scope)).index), asked(scope), random.pick([0.5, 1, 1, 2]));
    },
  },
  leave: {
    weight: 1,
    applies: canSpareOne,
    strike: (scope) => {
      const { world, random } = scope;
      changeRing(world, asked(scope), { kind: 'leave', nodes: [random.pick(members(scope)).index] });
    },
  },
  replace: {
    weight: 1,
    applies: (scope) => outsiders(scope).length > 0,
    strike: (scope) => {
      const { world, random } = scope;
      const by = random.pick(outsiders(scope));
      const { index } = random.pick(members(scope));
      world.startAnew(by);
      changeRing(world, asked(scope), { kind: 'replace', nodes: [index], by: [memberOf(world, by.index)] });
    },
  },
  reweight: {
    weight: 0.5,
    strike: (scope) => {
      const { world, random } = scope;
      const { index } = random.pick(members(scope));
      changeRing(world, asked(scope), { kind: 'reweight', node: index, weight: random.pick([0.5, 1, 2, 3]) });
    },
  },
};

function members({ world }: FaultScope): SimNode[] {
  return world.ring.members.map(({ node }) => world.nodes[node]);
}

/** Nodes that are no members, are not about to be, and do not run on since they have left. */
function outsiders({ world, departures }: FaultScope): SimNode[] {
  const { members: now, move, leavers } = world.ring;
  const taken = new Set<number>([...[...now, ...(move?.members ?? [])].map(({ node }) => node), ...leavers]);
  return world.nodes.filter((node) => !taken.has(node.index) && !departures.isLeaving(node));
}

function canSpareOne(scope: FaultScope): boolean {
  return members(scope).length > scope.plan.n;
}

/** Any node that is there may be asked. */
function asked(scope: FaultScope): number {
  const up = members(scope).filter((node) => node.up);
  return scope.random.pick(up.length > 0 ? up : members(scope)).index;
}
