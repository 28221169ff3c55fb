/** A write of a key whose record its coordinator cannot read: the others' records take its place, and then it is minted. */
import test from 'ava';
import type { CoordinatorState } from '../../actors/coordinator.js';
import { Role } from '../../src/actor/address.js';
import { PrivateKind, pagePrivate } from '../../src/actor/private-record.js';
import { SYSTEM_SLOT } from '../../src/core/ids.js';
import type { SiblingSet } from '../../src/core/siblings.js';
import { covers } from '../../src/core/version-vector.js';
import { slotOfRecord } from '../../src/protocol/record.js';
import type { WriteCall } from '../../src/sim/calls.js';
import type { WriteOrder } from '../../src/sim/messages.js';
import type { SimNode } from '../../src/sim/sim-node.js';
import { World } from '../../src/sim/world.js';
import type { WorldOptions } from '../../src/sim/world-options.js';
import { heldAt, putAt } from '../sim/replicas.js';
import { joined, plain } from './sets.js';

const KEY = 'k';

interface Scene {
  readonly world: World;
  /** The key's holders, its coordinator first. */
  readonly nodes: readonly SimNode[];
}

function scene(options: Partial<WorldOptions> = {}): Scene {
  const world = new World({ seed: 7, nodes: 3, n: 3, partitions: 1, ...options });
  return { world, nodes: world.holdersOf(KEY).map((node) => world.nodes[node]) };
}

/** What a write comes to. */
function written({ world, nodes }: Scene, order: Partial<WriteOrder> = {}): WriteCall {
  const [{ index }] = nodes;
  const call = world.clients[0].write({ key: KEY, value: 'new', w: 2, ...order }, { node: index });
  world.runUntil(() => call.endMs !== Number.POSITIVE_INFINITY);
  world.runFor(50);
  return call;
}

const valuesOf = (set: SiblingSet): string[] => set.siblings.map(({ value }) => Buffer.from(value).toString()).sort();

/** Users' records that it has logged. */
const loggedBy = ({ disk }: SimNode): number =>
  disk.log.filter(({ words }) => slotOfRecord(words, 0) !== SYSTEM_SLOT).length;

const openIn = (node: SimNode): number =>
  (node.system.stateOf(Role.coordinator, 0) as CoordinatorState).writes.table.active;

test('mending: the others can answer -> the put succeeds on all, over what they hold', (t) => {
  const one = scene();
  const [a, b, c] = one.nodes;
  putAt(a, KEY, plain('a', 2, 'lost'));
  putAt(b, KEY, plain('a', 2, 'lost'));
  putAt(c, KEY, plain('b', 1, 'other'));
  a.store.corrupt.add(KEY);
  t.is(written(one).error, undefined);
  for (const node of one.nodes) {
    const { vector } = heldAt(node, KEY);
    t.deepEqual(valuesOf(heldAt(node, KEY)), ['new']);
    for (const dot of joined(plain('a', 2, ''), plain('b', 1, '')).vector) t.true(covers(vector, dot));
  }
  t.deepEqual([a.store.corrupt.size, openIn(a)], [0, 0]);
});

test('mending: a put with a context -> what the context does not cover stays, though only the others had it', (t) => {
  const one = scene();
  const [a, b, c] = one.nodes;
  putAt(b, KEY, plain('a', 2, 'read'));
  putAt(c, KEY, joined(plain('a', 2, 'read'), plain('b', 1, 'unread')));
  putAt(a, KEY, plain('c', 9, 'damaged'));
  a.store.corrupt.add(KEY);
  t.is(written(one, { context: plain('a', 2, '').vector }).error, undefined);
  for (const node of one.nodes) t.deepEqual(valuesOf(heldAt(node, KEY)), ['new', 'unread']);
});

test('mending: the others hold nothing -> the put is minted over nothing', (t) => {
  const one = scene();
  putAt(one.nodes[0], KEY, plain('a', 2, 'never acknowledged'));
  one.nodes[0].store.corrupt.add(KEY);
  t.is(written(one).error, undefined);
  for (const node of one.nodes) t.deepEqual(valuesOf(heldAt(node, KEY)), ['new']);
});

test('mending: N-W+1 others -> one down of three is too many at W=2, one of five is not at W=3', (t) => {
  const three = scene();
  for (const node of three.nodes) putAt(node, KEY, plain('a', 2, 'old'));
  three.nodes[0].store.corrupt.add(KEY);
  three.world.crash(three.nodes[2]);
  const logged = loggedBy(three.nodes[0]);
  const failed = written(three);
  t.deepEqual([failed.error, failed.detail], ['KV_UNAVAILABLE', (2 << 8) | 1]);
  t.true(failed.endMs < 100);
  t.deepEqual([loggedBy(three.nodes[0]), openIn(three.nodes[0])], [logged, 0]);
  three.world.restart(three.nodes[2]);
  three.world.runFor(1_000);
  t.is(written(three).error, undefined);
  const five = scene({ nodes: 5, n: 5 });
  for (const node of five.nodes) putAt(node, KEY, plain('a', 2, 'old'));
  five.nodes[0].store.corrupt.add(KEY);
  five.world.crash(five.nodes[4]);
  t.is(written(five, { w: 3 }).error, undefined);
});

test('mending: all others down, or with damaged records of their own -> fails with a code that may be tried again, nothing minted', (t) => {
  const away = scene();
  const damaged = scene();
  for (const { nodes } of [away, damaged]) {
    for (const node of nodes) putAt(node, KEY, plain('a', 2, 'old'));
    nodes[0].store.corrupt.add(KEY);
  }
  for (const node of away.nodes.slice(1)) away.world.crash(node);
  for (const node of damaged.nodes.slice(1)) node.store.corrupt.add(KEY);
  t.is(written(away, { w: 1 }).error, 'KV_UNAVAILABLE');
  t.is(written(damaged).error, 'KV_CORRUPT');
  for (const { nodes } of [away, damaged]) {
    t.deepEqual([nodes[0].store.corrupt.size, loggedBy(nodes[0]), openIn(nodes[0])], [1, 1, 0]);
  }
});

test('mending: N=1 -> KV_CORRUPT, for nobody else is to hold it', (t) => {
  const one = scene({ nodes: 1, n: 1 });
  putAt(one.nodes[0], KEY, plain('a', 2, 'old'));
  one.nodes[0].store.corrupt.add(KEY);
  const call = written(one, { w: 1 });
  t.deepEqual([call.error, call.detail], ['KV_CORRUPT', 0]);
});

test('mending: a holder that says nothing -> is asked again, and the put fails before its deadline if that does not help', (t) => {
  for (const lost of [1, Number.POSITIVE_INFINITY]) {
    let left = lost;
    const one = scene({
      wrap: (role, behaviour) => {
        const { fetch } = behaviour.receive;
        if (role !== Role.vnode || fetch === undefined) return behaviour;
        const losing: typeof fetch = (state, message, env) => {
          if (left-- <= 0) fetch(state, message, env);
        };
        return { ...behaviour, receive: { ...behaviour.receive, fetch: losing } };
      },
    });
    for (const node of one.nodes) putAt(node, KEY, plain('a', 2, 'old'));
    one.nodes[0].store.corrupt.add(KEY);
    const call = written(one);
    t.is(call.error, lost === 1 ? undefined : 'KV_UNAVAILABLE');
    t.true(call.endMs < (lost === 1 ? 400 : 900), `${call.endMs}`);
    t.is(openIn(one.nodes[0]), 0);
  }
});

test('mending: a dot of its own that nobody has answered with -> no later vector of the node hides it, after a restart either', (t) => {
  const one = scene({ nodes: 5, n: 5, antiEntropyMs: 1_000 });
  const [a, , , , e] = one.nodes;
  for (const node of one.nodes) putAt(node, KEY, plain('a', 2, 'old'));
  // it minted this, and one other took it before that went away
  const { replica } = a.disk;
  const own = plain('a', 2, 'mine');
  const mine = {
    vector: [{ ...own.vector[0], replica }],
    siblings: [{ ...own.siblings[0], dot: { ...own.vector[0], replica } }],
  };
  for (const node of [a, e]) putAt(node, KEY, mine as SiblingSet);
  a.store.corrupt.add(KEY);
  one.world.crash(e);
  const context = plain('a', 2, '').vector;
  t.is(written(one, { w: 3, context }).error, undefined);
  t.deepEqual(valuesOf(heldAt(a, KEY)), ['new']);
  one.world.crash(a);
  one.world.restart(a);
  one.world.runFor(1_000);
  t.is(written(one, { w: 3, value: 'newer', context: heldAt(a, KEY).vector }).error, undefined);
  t.deepEqual(valuesOf(heldAt(a, KEY)), ['newer']);
  one.world.restart(e);
  t.true(
    one.world.runUntil(() => one.nodes.every((node) => valuesOf(heldAt(node, KEY)).join() === 'mine,newer'), 30_000),
  );
  t.is(pagePrivate(a.store, Uint8Array.of(PrivateKind.minter), { limit: 9 }).length, 1);
});

test('mending: a damaged page of many keys -> the node takes one new replica id for all of them', (t) => {
  const one = scene();
  const [a] = one.nodes;
  const keys = Array.from({ length: 40 }, (_, index) => `key-${index}`);
  for (const key of keys) {
    for (const node of one.nodes) putAt(node, key, plain('a', 2, key));
    a.store.corrupt.add(key);
  }
  const ids = new Set<number>();
  for (const key of keys) {
    t.is(written(one, { key }).error, undefined);
    for (const { dot } of heldAt(a, key).siblings) ids.add(dot.replica);
  }
  t.is(ids.size, 1);
  // a second time the same keys may have dots of it
  a.store.corrupt.add(keys[0]);
  t.is(written(one, { key: keys[0] }).error, undefined);
  for (const { dot } of heldAt(a, keys[0]).siblings) t.false(ids.has(dot.replica));
});

test('mending: many writes in one message -> those of a damaged key wait, the others do not; none overtakes another', (t) => {
  const one = scene({ clients: 2 });
  const [a] = one.nodes;
  const keys = [KEY, 'x', 'y', 'z'];
  for (const key of keys) for (const node of one.nodes) putAt(node, key, plain('a', 2, 'old'));
  a.store.corrupt.add(KEY);
  a.store.corrupt.add('y');
  const [client] = one.world.clients;
  const calls = [
    ...client.writeMany(
      keys.map((key) => ({ key, value: `1 of ${key}`, w: 2 })),
      { node: a.index },
    ),
    client.write({ key: KEY, value: '2', w: 2 }, { node: a.index }),
    ...client.writeMany(
      keys.map((key) => ({ key, value: `3 of ${key}`, w: 2 })),
      { node: a.index },
    ),
    client.write({ key: 'y', value: '4', w: 2 }, { node: a.index }),
  ];
  one.world.runFor(500);
  t.deepEqual(
    calls.map(({ error, endMs }) => error ?? endMs < 500),
    calls.map(() => true),
  );
  const last = { [KEY]: `3 of ${KEY}`, x: '3 of x', y: '4', z: '3 of z' };
  for (const node of one.nodes) {
    for (const key of keys) t.deepEqual(valuesOf(heldAt(node, key)), [last[key as keyof typeof last]], key);
  }
  t.is(openIn(a), 0);
});

test('mending: a replica meets its damaged record in a read, or where it is to take a write -> the others’ takes its place at once', (t) => {
  for (const meet of ['read', 'write'] as const) {
    const one = scene();
    const [a, b] = one.nodes;
    for (const node of one.nodes) putAt(node, KEY, plain('a', 2, 'old'));
    b.store.corrupt.add(KEY);
    if (meet === 'write') t.is(written(one).error, undefined);
    else one.world.clients[0].read({ key: KEY, r: 3 }, { node: a.index });
    t.true(
      one.world.runUntil(() => b.store.corrupt.size === 0, 1_000),
      meet,
    );
    one.world.runFor(5_000);
    t.deepEqual(valuesOf(heldAt(b, KEY)), [meet === 'write' ? 'new' : 'old']);
    t.is(b.repairs?.healed, 1);
  }
});

test('mending: the records of two replicas are damaged -> a read has each ask the others once', (t) => {
  for (let seed = 1; seed <= 20; seed++) {
    let fetches = 0;
    const one = scene({
      seed,
      wrap: (role, behaviour) => {
        const { fetch } = behaviour.receive;
        if (role !== Role.vnode || fetch === undefined) return behaviour;
        const counted: typeof fetch = (state, message, env) => {
          fetches++;
          fetch(state, message, env);
        };
        return { ...behaviour, receive: { ...behaviour.receive, fetch: counted } };
      },
    });
    for (const node of one.nodes) {
      putAt(node, KEY, plain('a', 2, 'old'));
      if (node !== one.nodes[0]) node.store.corrupt.add(KEY);
    }
    one.world.clients[0].read({ key: KEY, r: 3 }, { node: one.nodes[0].index });
    one.world.runFor(1_000);
    t.is(fetches, 3 + 2 * 2, `seed ${seed}`);
  }
});
