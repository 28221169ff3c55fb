import test from 'ava';
import fc from 'fast-check';
import { type DoubtPeer, decideDoubt } from '../../src/core/doubt.js';
import { nodeIndex } from '../../src/core/ids.js';

const N3 = { n: 3, w: 2 };
const peer = (node: number, state: DoubtPeer['state'], isMerged = false, failures = 0): DoubtPeer => ({
  node: nodeIndex(node),
  state,
  isMerged,
  failures,
});

test('doubt: one replica of three -> compares with both others, then counts', (t) => {
  t.deepEqual(decideDoubt(N3, [peer(1, 'unknown'), peer(2, 'unknown')]), { kind: 'compare', node: nodeIndex(1) });
  t.deepEqual(decideDoubt(N3, [peer(1, 'counts', true), peer(2, 'unknown')]), { kind: 'compare', node: nodeIndex(2) });
  t.deepEqual(decideDoubt(N3, [peer(1, 'counts', true), peer(2, 'counts', true)]), {
    kind: 'settled',
    mayBeLost: false,
  });
});

test('doubt: a replica that may count is away -> waits for it; beyond what is needed -> does not', (t) => {
  t.deepEqual(decideDoubt(N3, [peer(1, 'counts', true), peer(2, 'away')]), { kind: 'wait' });
  t.deepEqual(decideDoubt({ n: 3, w: 3 }, [peer(1, 'counts', true), peer(2, 'away')]), {
    kind: 'settled',
    mayBeLost: false,
  });
});

test('doubt: a comparison has failed -> the others come first, and it is asked again where they are not enough', (t) => {
  const failing = peer(1, 'unknown', false, 2);
  t.deepEqual(decideDoubt(N3, [failing, peer(2, 'unknown', false, 1)]), { kind: 'compare', node: nodeIndex(2) });
  t.deepEqual(decideDoubt({ n: 5, w: 3 }, [failing, ...[2, 3, 4].map((node) => peer(node, 'counts', true))]), {
    kind: 'settled',
    mayBeLost: false,
  });
  t.deepEqual(decideDoubt(N3, [failing, peer(2, 'counts', true)]), { kind: 'compare', node: nodeIndex(1) });
  t.deepEqual(decideDoubt(N3, [failing, peer(2, 'doubts', true)]), { kind: 'compare', node: nodeIndex(1) });
});

test('doubt: too few can count -> those present are compared, then it counts and writes may be lost', (t) => {
  t.deepEqual(decideDoubt(N3, [peer(1, 'doubts', true), peer(2, 'doubts', true)]), {
    kind: 'settled',
    mayBeLost: true,
  });
  t.deepEqual(decideDoubt(N3, [peer(1, 'doubts', true), peer(2, 'unknown')]), { kind: 'compare', node: nodeIndex(2) });
  t.deepEqual(decideDoubt(N3, [peer(1, 'doubts', true), peer(2, 'away')]), { kind: 'settled', mayBeLost: true });
  t.deepEqual(decideDoubt({ n: 3, w: 1 }, [peer(1, 'counts', true), peer(2, 'counts', true)]), {
    kind: 'settled',
    mayBeLost: true,
  });
  t.deepEqual(decideDoubt({ n: 1, w: 1 }, []), { kind: 'settled', mayBeLost: true });
});

test('doubt: a peer is in doubt itself -> it is compared with behind all others, and only where too few may count', (t) => {
  const [doubts, count] = [peer(1, 'doubts'), (node: number, isMerged = true) => peer(node, 'counts', isMerged)];
  t.deepEqual(decideDoubt(N3, [doubts, peer(2, 'unknown', false, 9)]), { kind: 'compare', node: nodeIndex(2) });
  t.deepEqual(decideDoubt(N3, [doubts, count(2)]), { kind: 'compare', node: nodeIndex(1) });
  t.deepEqual(decideDoubt({ n: 3, w: 3 }, [doubts, count(2)]), { kind: 'settled', mayBeLost: false });
  t.deepEqual(decideDoubt({ n: 5, w: 3 }, [doubts, count(2), count(3), peer(4, 'away')]), { kind: 'wait' });
});

test('doubt: any writes and any peers -> settled without loss only when every acknowledged write was merged', (t) => {
  const quorum = fc
    .integer({ min: 2, max: 5 })
    .chain((n) => fc.record({ n: fc.constant(n), w: fc.integer({ min: 1, max: n }) }));
  const state = fc.constantFrom<DoubtPeer['state']>('counts', 'doubts', 'away', 'unknown');
  fc.assert(
    fc.property(quorum, fc.array(fc.tuple(state, fc.boolean()), { minLength: 4, maxLength: 4 }), (size, states) => {
      const peers = states
        .slice(0, size.n - 1)
        .map(([is, merged], index) => peer(index + 1, is, merged && is !== 'away'));
      const step = decideDoubt(size, peers);
      if (step.kind !== 'settled' || step.mayBeLost) return;
      // a write's other W-1 replicas cannot all be among those that were not merged
      const unmerged = peers.filter(({ state: is, isMerged }) => !isMerged || is !== 'counts').length;
      t.true(unmerged <= size.w - 2, `${unmerged} unmerged, W=${size.w}`);
    }),
  );
});
