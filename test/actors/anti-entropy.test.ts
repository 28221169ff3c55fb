/** Replicas that differ, compared and made alike: the real actors in the simulated world. */
import test from 'ava';
import type { AntiEntropyState } from '../../actors/anti-entropy.js';
import { noteKey, pageNotes, putDated } from '../../actors/hint-records.js';
import { addressOf, Role } from '../../src/actor/address.js';
import type { AnyBehaviour } from '../../src/actor/behaviour.js';
import type { SiblingSet } from '../../src/core/siblings.js';
import { ALL_PEERS, Exchange, Exchanged, ExchangeFlag } from '../../src/protocol/exchange-messages.js';
import type { MessageView } from '../../src/protocol/header.js';
import { Kind } from '../../src/protocol/messages.js';
import { failure, isSuccess } from '../../src/protocol/outcome.js';
import { partsOf } from '../../src/sim/messages.js';
import type { SimNode, Wrap } from '../../src/sim/sim-node.js';
import { World } from '../../src/sim/world.js';
import type { WorldOptions } from '../../src/sim/world-options.js';
import { heldAt, putAt } from '../sim/replicas.js';
import { joined, plain } from './sets.js';

const PARTITIONS = 8;

interface Scene {
  readonly world: World;
  /** Bytes of messages between the nodes' anti-entropy. */
  readonly traffic: { bytes: number };
}

function scene(options: Partial<WorldOptions> = {}): Scene {
  const traffic = { bytes: 0 };
  const wrap: Wrap = (role, behaviour) => (role === Role.antiEntropy ? weighed(behaviour, traffic) : behaviour);
  const world = new World({ seed: 7, nodes: 3, n: 3, partitions: PARTITIONS, wrap, ...options });
  return { world, traffic };
}

function weighed(behaviour: AnyBehaviour, traffic: { bytes: number }): AnyBehaviour {
  const receive = Object.entries(behaviour.receive).map(([name, handler]) => {
    const counting: typeof handler = (state, message: MessageView, env) => {
      if (['compare', 'compared', 'list', 'listed'].includes(name)) traffic.bytes += message.size;
      handler(state, message, env);
    };
    return [name, counting];
  });
  return { ...behaviour, receive: Object.fromEntries(receive) };
}

const isTreeBuilt = (node: SimNode, partition: number): boolean =>
  (node.system.stateOf(Role.antiEntropy, 0) as AntiEntropyState).trees.of(partition) !== undefined;

const partitionOf = (key: string): number => partsOf(key).slot >>> (14 - Math.log2(PARTITIONS));

interface Answer {
  readonly ok: boolean;
  readonly differing: number;
  readonly sent: number;
  readonly received: number;
}

/** Asks a node to compare a partition, as a client does, and waits. */
function exchange(world: World, node: number, partition: number, options = 0, peer = ALL_PEERS): Answer | undefined {
  const draft = {
    tag: Kind.exchange,
    bytes: Exchange.end * 4,
    fill: (words: Int32Array, _bytes: Buffer, at: number) =>
      words.set([partition, peer, options, 0], at + Exchange.partition),
  };
  let answer: Answer | undefined;
  world.clients[0].ask(draft, addressOf(Role.antiEntropy, node, 0), (message) => {
    answer = {
      ok: isSuccess(message.u32(Exchanged.outcome)),
      differing: message.u32(Exchanged.differing),
      sent: message.u32(Exchanged.sent),
      received: message.u32(Exchanged.received),
    };
  });
  world.runUntil(() => answer !== undefined, 60_000);
  return answer;
}

const keyOf = (index: number): string => `key-${index}`;

/** The same records on all nodes. */
function fill(world: World, keys: number): void {
  for (let index = 0; index < keys; index++) {
    for (const node of world.nodes) putAt(node, keyOf(index), plain('a', index + 1, 'same'));
  }
}

function allHold(world: World, key: string, set: SiblingSet): boolean {
  return world.nodes.every((node) => JSON.stringify(heldAt(node, key)) === JSON.stringify(set));
}

test('anti-entropy: one replica lacks, has more, has older, has siblings -> all three hold the same, told in counts', (t) => {
  const { world } = scene();
  const [a, b, c] = world.nodes;
  fill(world, 50);
  const key = keyOf(3);
  const p = partitionOf(key);
  const inP = Array.from({ length: 200 }, (_, index) => `more-${index}`).filter((name) => partitionOf(name) === p);
  const [only, missing, forked] = inP;
  putAt(b, only, plain('b', 900, 'only at b'));
  for (const node of [a, b]) putAt(node, missing, plain('a', 901, 'not at c'));
  putAt(c, key, plain('a', 1_000, 'newer at c'));
  putAt(a, forked, plain('a', 902, 'x'));
  putAt(c, forked, plain('b', 903, 'y'));
  const answer = exchange(world, a.index, p);
  t.true(answer?.ok);
  t.true((answer?.sent ?? 0) > 0 && (answer?.received ?? 0) > 0);
  t.true(allHold(world, only, plain('b', 900, 'only at b')));
  t.true(allHold(world, missing, plain('a', 901, 'not at c')));
  t.true(allHold(world, key, plain('a', 1_000, 'newer at c')));
  const both = joined(plain('a', 902, 'x'), plain('b', 903, 'y'));
  for (const node of world.nodes) t.deepEqual(heldAt(node, forked), both);
  t.deepEqual(exchange(world, a.index, p), { ok: true, differing: 0, sent: 0, received: 0 });
  t.deepEqual(world.thrown, []);
});

test('anti-entropy: a dry run -> counts what differs and changes nothing', (t) => {
  const { world } = scene();
  const key = keyOf(1);
  putAt(world.nodes[1], key, plain('b', 5, 'only at 1'));
  const answer = exchange(world, 0, partitionOf(key), ExchangeFlag.dryRun);
  t.deepEqual(answer, { ok: true, differing: 1, sent: 0, received: 0 });
  t.deepEqual(heldAt(world.nodes[0], key).siblings, []);
});

test('anti-entropy: a pull -> takes what it lacks and gives nothing', (t) => {
  const { world } = scene();
  const key = keyOf(1);
  const other = Array.from({ length: 99 }, (_, i) => `k${i}`).find((name) => partitionOf(name) === partitionOf(key));
  putAt(world.nodes[1], key, plain('b', 5, 'at 1'));
  putAt(world.nodes[0], other as string, plain('a', 6, 'at 0'));
  const answer = exchange(world, 0, partitionOf(key), ExchangeFlag.pullOnly, 1);
  t.true(answer?.ok);
  t.deepEqual(heldAt(world.nodes[0], key), plain('b', 5, 'at 1'));
  t.deepEqual(heldAt(world.nodes[1], other as string).siblings, []);
});

test('anti-entropy: more keys than one list or one slice -> all of them, both ways', (t) => {
  const { world } = scene();
  const keys = Array.from({ length: 9_000 }, (_, index) => `many-${index}`).filter((name) => partitionOf(name) === 0);
  for (const [index, key] of keys.entries()) putAt(world.nodes[index % 2], key, plain('a', index + 1, 'v'));
  const answer = exchange(world, 0, 0, 0, 1);
  t.is(answer?.differing, keys.length);
  const lacking = keys.filter((key) => !world.nodes.slice(0, 2).every((node) => heldAt(node, key).vector.length > 0));
  t.deepEqual(lacking, []);
});

test('anti-entropy: ten keys of thousands differ -> little traffic, and no other partition is read', (t) => {
  const { world, traffic } = scene();
  fill(world, 4_000);
  const keys = Array.from({ length: 999 }, (_, i) => `late-${i}`).filter((name) => partitionOf(name) === 2);
  for (const [index, key] of keys.slice(0, 10).entries()) putAt(world.nodes[1], key, plain('b', 9_000 + index, 'v'));
  const answer = exchange(world, 0, 2, 0, 1);
  t.is(answer?.received, 10);
  t.log(`${traffic.bytes} bytes`);
  t.true(traffic.bytes < 64 * 1024);
  for (let p = 0; p < PARTITIONS; p++) t.is(isTreeBuilt(world.nodes[0], p), p === 2);
});

test('anti-entropy: writes while trees are built and compared -> the trees are those of a fresh build', (t) => {
  const { world } = scene({ clients: 2 });
  fill(world, 2_000);
  let writes = 0;
  const write = () => {
    writes++;
    const order = { key: keyOf((writes * 37) % 2_100), value: `w${writes}`, w: 2 };
    world.clients[0].write(order, { done: () => writes < 600 && write() });
  };
  write();
  for (let p = 0; p < PARTITIONS; p++) t.true(exchange(world, p % 3, p)?.ok);
  world.runUntil(() => writes >= 600, 60_000);
  world.runFor(1_000);
  for (const node of world.nodes) {
    const { trees } = node.system.stateOf(Role.antiEntropy, 0) as AntiEntropyState;
    for (let p = 0; p < PARTITIONS; p++) {
      if (trees.of(p) === undefined) continue;
      trees.begin(p);
      let end = trees.advance(p as never, 100, () => undefined);
      while (end === 'more') end = trees.advance(p as never, 100, () => undefined);
      t.is(end, 'built', `node ${node.index}, partition ${p}`);
    }
  }
  t.deepEqual(world.thrown, []);
});

test('anti-entropy: rounds -> replicas become alike without being asked, and it is told when', (t) => {
  const { world } = scene({ antiEntropyMs: 5_000 });
  fill(world, 20);
  const key = keyOf(4);
  putAt(world.nodes[2], key, plain('a', 2_000, 'newer'));
  t.true(world.runUntil(() => allHold(world, key, plain('a', 2_000, 'newer')), 60_000));
  t.true(world.runUntil(() => world.nodes.every((node) => (node.repairs?.lastRoundMs ?? 0) > 0), 60_000));
  t.true(world.nodes.some((node) => (node.repairs?.received ?? 0) + (node.repairs?.sent ?? 0) > 0));
});

test('anti-entropy: a node was away and is back -> its partitions are compared soon', (t) => {
  const { world } = scene();
  fill(world, 20);
  world.runFor(7_000);
  const key = keyOf(4);
  world.crash(world.nodes[2]);
  world.runFor(2_000);
  for (const node of world.nodes.slice(0, 2)) putAt(node, key, plain('a', 2_000, 'missed'));
  world.restart(world.nodes[2]);
  t.true(world.runUntil(() => allHold(world, key, plain('a', 2_000, 'missed')), 60_000));
});

test('anti-entropy: the peer goes down in the middle -> the exchange fails, and the next one succeeds', (t) => {
  const { world } = scene();
  const keys = Array.from({ length: 4_000 }, (_, index) => `many-${index}`).filter((name) => partitionOf(name) === 0);
  for (const [index, key] of keys.entries()) putAt(world.nodes[1], key, plain('a', index + 1, 'v'));
  world.schedule(world.nowMs + 320, () => world.crash(world.nodes[1]));
  const answer = exchange(world, 0, 0, 0, 1);
  t.false(answer?.ok);
  world.restart(world.nodes[1]);
  t.true(exchange(world, 0, 0, 0, 1)?.ok);
  t.true(keys.every((key) => heldAt(world.nodes[0], key).vector.length > 0));
});

for (const name of ['compare', 'compared', 'list', 'listed'] as const) {
  test(`anti-entropy: a ${name} is lost -> the question is asked again after a moment, and the exchange succeeds`, (t) => {
    let lost = 0;
    const wrap: Wrap = (role, behaviour) => {
      const handler = behaviour.receive[name];
      if (role !== Role.antiEntropy || handler === undefined) return behaviour;
      const losing: typeof handler = (state, message: MessageView, env) => {
        if (lost++ > 0) handler(state, message, env);
      };
      return { ...behaviour, receive: { ...behaviour.receive, [name]: losing } };
    };
    const { world } = scene({ wrap });
    const key = keyOf(3);
    putAt(world.nodes[1], key, plain('a', 1, 'v'));
    t.like(exchange(world, 0, partitionOf(key), 0, 1), { ok: true, differing: 1, received: 1 });
    t.true(lost > 1);
    t.true(world.nowMs < 5_000, `${world.nowMs}`);
  });
}

test('anti-entropy: a record that cannot be read -> what the others hold takes its place', (t) => {
  const { world } = scene();
  fill(world, 30);
  const key = keyOf(4);
  const [, b] = world.nodes;
  // the tree takes it in while it can be read
  exchange(world, 1, partitionOf(key));
  b.store.corrupt.add(key);
  (b.system.stateOf(Role.antiEntropy, 0) as AntiEntropyState).trees.drop(partitionOf(key));
  exchange(world, 1, partitionOf(key));
  t.true(world.runUntil(() => !b.store.corrupt.has(key), 30_000));
  t.deepEqual(heldAt(b, key), plain('a', 5, 'same'));
  t.is(b.repairs?.healed, 1);
});

test('anti-entropy: a note that a node lacks something -> that partition is compared first, and the note goes', (t) => {
  const { world } = scene();
  fill(world, 30);
  const [a, , c] = world.nodes;
  const key = keyOf(4);
  putAt(a, key, plain('a', 2_000, 'missed by c'));
  a.store.beginHandler();
  putDated(a.store, noteKey(c.index, partitionOf(key)), 1);
  a.store.commit();
  a.store.publish();
  world.crash(a);
  world.restart(a);
  t.true(world.runUntil(() => heldAt(c, key).vector[0]?.counter === 2_000, 30_000));
  t.true(world.runUntil(() => pageNotes(a.store, { limit: 9 }).length === 0, 30_000));
});

test('anti-entropy: more is asked for at once than it keeps -> what is beyond is refused at once, the rest is done', (t) => {
  const { world } = scene();
  const asks = 1_300;
  let refused = 0;
  let done = 0;
  let sent = 0;
  for (let batch = 0; batch < asks / 100; batch++) {
    for (let i = 0; i < 100; i++) {
      const fill = (words: Int32Array, _bytes: Buffer, at: number) =>
        words.set([0, 1, ExchangeFlag.dryRun, 0], at + Exchange.partition);
      const draft = { tag: Kind.exchange, bytes: Exchange.end * 4, fill };
      const isSent = world.clients[0].ask(draft, addressOf(Role.antiEntropy, 0, 0), (message) => {
        const outcome = message.u32(Exchanged.outcome);
        if (isSuccess(outcome)) done++;
        else if (outcome === failure('KV_OVERLOADED')) refused++;
      });
      if (isSent) sent++;
    }
    world.runFor(1);
  }
  const { queue } = world.nodes[0].system.stateOf(Role.antiEntropy, 0) as AntiEntropyState;
  t.true(queue.sizeOf('asked') <= 1_024, `${queue.sizeOf('asked')} wait`);
  t.true(
    world.runUntil(() => done + refused === sent, 600_000),
    `${done} done, ${refused} refused of ${sent}`,
  );
  t.true(refused > 0 && done >= 1_000, `${done} done, ${refused} refused`);
});
