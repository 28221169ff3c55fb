import test from 'ava';
import fc from 'fast-check';
import { StoreError } from '../../src/core/errors.js';
import { clock, counter, replicaId } from '../../src/core/ids.js';
import {
  contextOf,
  emptySet,
  liveSiblings,
  mergeSets,
  newestSibling,
  type Sibling,
  type SiblingSet,
  sameSet,
  writeSibling,
} from '../../src/core/siblings.js';
import { covers, emptyVector } from '../../src/core/version-vector.js';

const REPLICAS = 3;

function sibling(replica: number, count: number, more: Partial<Sibling> = {}): Sibling {
  return {
    dot: { replica: replicaId(replica), counter: counter(count) },
    clock: clock(count),
    expiresAtMs: 0,
    tombstone: false,
    tag: 0,
    value: new Uint8Array([replica, count]),
    ...more,
  };
}

const nameOf = ({ dot }: Sibling): string => `${dot.replica}:${dot.counter}`;
const names = (set: SiblingSet): string[] => set.siblings.map(nameOf).sort();

/** The naive model: a replica is the set of writes it has seen; a write is obsolete if a seen write has seen it. */
interface Model {
  readonly seen: Set<string>;
}
interface World {
  readonly sets: SiblingSet[];
  readonly models: Model[];
  /** What each write had seen when it was made. */
  readonly histories: Map<string, Set<string>>;
  /** Every set that stood at some replica, with its model: what a client may have read. */
  readonly reads: { set: SiblingSet; seen: Set<string> }[];
}

const steps = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('write' as const),
      at: fc.nat(REPLICAS - 1),
      read: fc.option(fc.nat(30)),
      gap: fc.integer({ min: 1, max: 3 }),
    }),
    fc.record({ kind: fc.constant('sync' as const), at: fc.nat(REPLICAS - 1), from: fc.nat(REPLICAS - 1) }),
  ),
  { maxLength: 25 },
);
type Step = typeof steps extends fc.Arbitrary<(infer Item)[]> ? Item : never;

function play(list: readonly Step[]): World {
  const world: World = {
    sets: Array.from({ length: REPLICAS }, emptySet),
    models: Array.from({ length: REPLICAS }, () => ({ seen: new Set<string>() })),
    histories: new Map(),
    reads: [{ set: emptySet(), seen: new Set() }],
  };
  let count = 0;
  for (const step of list) {
    const { seen } = world.models[step.at];
    if (step.kind === 'sync') {
      world.sets[step.at] = mergeSets(world.sets[step.at], world.sets[step.from]);
      for (const name of world.models[step.from].seen) seen.add(name);
    } else {
      count += step.gap;
      const one = sibling(step.at + 1, count);
      const read = step.read === null ? undefined : world.reads[step.read % world.reads.length];
      world.sets[step.at] = writeSibling(world.sets[step.at], read && contextOf(read.set), one);
      world.histories.set(nameOf(one), new Set(read ? read.seen : seen));
      for (const name of read?.seen ?? []) seen.add(name);
      seen.add(nameOf(one));
    }
    world.reads.push({ set: world.sets[step.at], seen: new Set(seen) });
  }
  return world;
}

function maximal({ histories }: World, seen: Set<string>): string[] {
  return [...seen].filter((name) => ![...seen].some((other) => histories.get(other)?.has(name))).sort();
}

test('siblings: any run of writes and syncs -> exactly the writes that nothing seen has replaced', (t) => {
  fc.assert(
    fc.property(steps, (list) => {
      const world = play(list);
      for (const { set, seen } of world.reads) t.deepEqual(names(set), maximal(world, seen));
    }),
    { numRuns: 300 },
  );
});

test('siblings: any run -> the vector covers every sibling, and siblings stand newest first', (t) => {
  fc.assert(
    fc.property(steps, (list) => {
      for (const { set } of play(list).reads) {
        t.true(set.siblings.every((one) => covers(set.vector, one.dot)));
        t.true(set.siblings.every((one, index) => index === 0 || set.siblings[index - 1].clock >= one.clock));
      }
    }),
  );
});

test('siblings: any three sets of a run -> merge is commutative, associative, idempotent', (t) => {
  fc.assert(
    fc.property(steps, fc.nat(), fc.nat(), fc.nat(), (list, i, j, k) => {
      const { reads } = play(list);
      const [a, b, c] = [i, j, k].map((index) => reads[index % reads.length].set);
      t.deepEqual(mergeSets(a, b), mergeSets(b, a));
      t.deepEqual(mergeSets(a, mergeSets(b, c)), mergeSets(mergeSets(a, b), c));
      t.deepEqual(mergeSets(a, a), a);
      t.true(sameSet(mergeSets(a, mergeSets(a, b)), mergeSets(a, b)));
    }),
  );
});

test('siblings: a write with the context of a read -> replaces exactly what was read', (t) => {
  const read = writeSibling(emptySet(), undefined, sibling(1, 1));
  const later = writeSibling(read, emptyVector(), sibling(1, 2));
  const written = writeSibling(later, contextOf(read), sibling(1, 5));
  t.deepEqual(names(written), ['1:2', '1:5']);
  t.deepEqual(names(mergeSets(read, written)), ['1:2', '1:5']);
});

test('siblings: a write without a context -> replaces everything seen', (t) => {
  const two = mergeSets(
    writeSibling(emptySet(), undefined, sibling(1, 1)),
    writeSibling(emptySet(), undefined, sibling(2, 1)),
  );
  t.is(two.siblings.length, 2);
  t.deepEqual(names(writeSibling(two, undefined, sibling(1, 9))), ['1:9']);
});

test('siblings: a dot that was seen, or that the context covers -> refused', (t) => {
  const set = writeSibling(emptySet(), undefined, sibling(1, 4));
  t.is(t.throws(() => writeSibling(set, undefined, sibling(1, 4)), { instanceOf: StoreError })?.code, 'KV_INTERNAL');
  const error = t.throws(() => writeSibling(emptySet(), contextOf(set), sibling(1, 3)), { instanceOf: StoreError });
  t.is(error?.code, 'KV_INVALID_CONTEXT');
});

test('siblings: newest is deleted or expired -> absent, though an older value lives', (t) => {
  const old = sibling(1, 1);
  const gone = (more: Partial<Sibling>): SiblingSet => ({
    vector: mergeSets(writeSibling(emptySet(), undefined, old), writeSibling(emptySet(), undefined, sibling(2, 2)))
      .vector,
    siblings: [sibling(2, 2, more), old],
  });
  t.is(newestSibling(gone({ tombstone: true }), 50), undefined);
  t.is(newestSibling(gone({ expiresAtMs: 50 }), 50), undefined);
  t.is(newestSibling(gone({ expiresAtMs: 51 }), 50)?.clock, clock(2));
  t.is(newestSibling(emptySet(), 50), undefined);
  t.deepEqual(liveSiblings(gone({ tombstone: true }), 50), [old]);
  t.deepEqual(liveSiblings(gone({ expiresAtMs: 50 }), 50), [old]);
  t.is(liveSiblings(gone({ expiresAtMs: 51 }), 50).length, 2);
});

test('siblings: one dot as value and as collected tombstone -> the tombstone stays, in either order', (t) => {
  const value = writeSibling(emptySet(), undefined, sibling(1, 1, { expiresAtMs: 5 }));
  const dead: SiblingSet = { vector: value.vector, siblings: [sibling(1, 1, { tombstone: true })] };
  t.true(mergeSets(value, dead).siblings[0].tombstone);
  t.true(mergeSets(dead, value).siblings[0].tombstone);
  t.true(sameSet(value, dead));
});

test('siblings: merge with what is covered -> the same object, so that a caller sees that nothing changed', (t) => {
  const old = writeSibling(emptySet(), undefined, sibling(1, 1));
  const fresh = writeSibling(old, undefined, sibling(1, 2));
  t.is(mergeSets(fresh, old), fresh);
  t.is(mergeSets(old, fresh), fresh);
  t.is(mergeSets(emptySet(), old), old);
  t.false(sameSet(old, fresh));
});
