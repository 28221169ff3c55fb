/** When the others' records may take the place of one that cannot be read. */
import test from 'ava';
import { nodeIndex } from '../../src/core/ids.js';
import { decideMend, type MendPeer, type MendState } from '../../src/core/mend.js';

const STATES = { y: 'answered', '?': 'asked', x: 'unreadable', '-': 'away' } as const;

const peers = (text: string): MendPeer[] =>
  [...text].map((letter, index) => ({ node: nodeIndex(index + 1), state: STATES[letter as keyof typeof STATES] }));

const CASES: readonly (readonly [n: number, w: number, others: string, inTime: MendState, late: MendState])[] = [
  [1, 1, '', 'KV_CORRUPT', 'KV_CORRUPT'],
  [2, 1, 'y', 'settled', 'settled'],
  [2, 2, '?', 'wait', 'wait'],
  [3, 2, 'yy', 'settled', 'settled'],
  [3, 2, 'y?', 'wait', 'wait'],
  [3, 2, 'y-', 'KV_UNAVAILABLE', 'KV_UNAVAILABLE'],
  [3, 2, 'yx', 'KV_CORRUPT', 'KV_CORRUPT'],
  [3, 2, '?x', 'KV_CORRUPT', 'KV_CORRUPT'],
  [3, 2, '--', 'KV_UNAVAILABLE', 'KV_UNAVAILABLE'],
  [3, 3, 'y?', 'wait', 'settled'],
  [3, 3, 'y-', 'settled', 'settled'],
  [3, 3, 'yx', 'settled', 'settled'],
  [3, 3, 'xx', 'KV_CORRUPT', 'KV_CORRUPT'],
  [3, 1, 'y-', 'KV_UNAVAILABLE', 'KV_UNAVAILABLE'],
  [5, 3, 'yyy-', 'settled', 'settled'],
  [5, 3, 'yyy?', 'wait', 'settled'],
  [5, 3, 'yy--', 'KV_UNAVAILABLE', 'KV_UNAVAILABLE'],
  // a node that is none of the holders: all N of them are others
  [3, 2, 'yy-', 'settled', 'settled'],
];

for (const [n, w, others, inTime, late] of CASES) {
  test(`mend: N=${n} W=${w}, others ${others || 'none'} -> ${inTime}, later ${late}`, (t) => {
    t.is(decideMend({ n, w, isLate: false }, peers(others)).state, inTime);
    t.is(decideMend({ n, w, isLate: true }, peers(others)).state, late);
  });
}

test('mend: any W of N that confirmed a write -> one of them is among those that have answered', (t) => {
  for (let n = 2; n <= 6; n++) {
    for (let w = 2; w <= n; w++) {
      for (let answered = 0; answered < 1 << (n - 1); answered++) {
        const others = Array.from({ length: n - 1 }, (_, i) => (((answered >>> i) & 1) === 1 ? 'y' : '-')).join('');
        const { state, got } = decideMend({ n, w, isLate: true }, peers(others));
        // those that said nothing, and this node, could have confirmed it alone
        if (state === 'settled') t.true(n - got < w, `N=${n} W=${w} ${others}`);
      }
    }
  }
});
