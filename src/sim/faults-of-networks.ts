/**
 * What a network does between hosts: slow and broken connections, partitions of every shape, whole, one-way, partial, and
 * channels that are held up alone.
 */
import type { Fault, FaultScope } from './faults.js';

const PARTITION_MS = [5, 400] as const;

export const NETWORK_FAULTS: Readonly<Record<string, Fault>> = {
  disconnect: {
    weight: 2,
    applies: hasHosts(2),
    strike: ({ world, random }) => {
      const [a, b] = random.shuffled(world.hosts);
      world.network.connection(a.index, b.index)?.cut();
    },
  },
  'slow connection': {
    weight: 1,
    applies: hasHosts(2),
    strike: ({ world, random, until }) => {
      const [a, b] = random.shuffled(world.hosts);
      const connection = world.network.connection(a.index, b.index);
      if (connection === undefined) return;
      connection.slowness = random.between(5, 50);
      until(random.between(...PARTITION_MS), () => {
        connection.slowness = 1;
      });
    },
  },
  'partition: two halves': {
    weight: 1,
    applies: hasHosts(2),
    strike: (scope) => {
      const hosts = shuffledHosts(scope);
      const cut = 1 + scope.random.below(hosts.length - 1);
      partition(scope, both(hosts.slice(0, cut), hosts.slice(cut)));
    },
  },
  'partition: one host alone': {
    weight: 1,
    applies: hasHosts(2),
    strike: (scope) => {
      const [alone, ...others] = shuffledHosts(scope);
      partition(scope, both([alone], others));
    },
  },
  'partition: one way': {
    weight: 1,
    applies: hasHosts(2),
    strike: (scope) => {
      const hosts = shuffledHosts(scope);
      const cut = 1 + scope.random.below(hosts.length - 1);
      partition(scope, oneWay(hosts.slice(0, cut), hosts.slice(cut)));
    },
  },
  'partition: only one host sees both sides': {
    weight: 1,
    applies: hasHosts(3),
    strike: (scope) => {
      const [, ...others] = shuffledHosts(scope);
      const cut = 1 + scope.random.below(others.length - 1);
      partition(scope, both(others.slice(0, cut), others.slice(cut)));
    },
  },
  'partition: a ring of hosts': {
    weight: 0.5,
    applies: hasHosts(4),
    strike: (scope) => {
      const hosts = shuffledHosts(scope);
      const { length } = hosts;
      partition(
        scope,
        hosts.flatMap((from, i) =>
          hosts.filter((_, j) => j !== i && (i + 1) % length !== j && (j + 1) % length !== i).map((to) => [from, to]),
        ) as Block[],
      );
    },
  },
  'partition: comes and goes': {
    weight: 1,
    applies: hasHosts(2),
    strike: (scope) => {
      const [a, b] = shuffledHosts(scope);
      const { world, random, until } = scope;
      const flap = (left: number) => {
        if (left === 0) return;
        const ends = both([a], [b]).map(([from, to]) => world.network.block(from, to));
        until(random.between(1, 60), () => {
          for (const end of ends) end();
          until(random.between(1, 60), () => flap(left - 1));
        });
      };
      flap(2 + random.below(4));
    },
  },
};

const HOLD_MS = [20, 600] as const;

/** What befalls the messages of one thread to one other alone, while those around them go on. */
export const CHANNEL_FAULTS: Readonly<Record<string, Fault>> = {
  'channel held up': {
    weight: 6,
    // spares that nobody has started yet have no threads
    applies: (scope) => hasHosts(2)(scope) && scope.world.nodes.filter(({ life }) => life > 0).length > 1,
    strike: ({ world, random, until }) => {
      const [from, to] = random.shuffled(world.nodes.filter(({ life }) => life > 0));
      if (world.hostOf(from.index) === world.hostOf(to.index)) return;
      world.trace.note(world.nowMs, () => `held up: what node ${from.index} sends to node ${to.index}`);
      const release = world.network.lane(from.index, to.index).hold();
      until(random.between(...HOLD_MS), () => {
        world.trace.note(world.nowMs, () => `arrives again: what node ${from.index} sends to node ${to.index}`);
        release();
      });
    },
  },
};

type Block = readonly [from: number, to: number];

function hasHosts(count: number): (scope: FaultScope) => boolean {
  return ({ world }) => world.hosts.length >= count;
}

function shuffledHosts({ world, random }: FaultScope): number[] {
  return random.shuffled(world.hosts.map(({ index }) => index));
}

function oneWay(left: readonly number[], right: readonly number[]): Block[] {
  return left.flatMap((from) => right.map((to) => [from, to] as const));
}

function both(left: readonly number[], right: readonly number[]): Block[] {
  return [...oneWay(left, right), ...oneWay(right, left)];
}

function partition({ world, random, until }: FaultScope, blocks: readonly Block[]): void {
  world.trace.note(world.nowMs, () => `blocked: ${blocks.map(([from, to]) => `${from}>${to}`).join(' ')}`);
  const ends = blocks.map(([from, to]) => world.network.block(from, to));
  until(random.between(...PARTITION_MS), () => {
    world.trace.note(world.nowMs, () => 'a partition ends');
    for (const end of ends) end();
  });
}
