import test from 'ava';
import fc from 'fast-check';
import { confirmedOf, countedPlaces, countPlaces, settleWrite } from '../../src/core/write-quorum.js';

/** Places as a set of bits. */
const at = (...places: number[]): number => places.reduce((set, place) => set | (1 << place), 0);
const FIRST_THREE = at(0, 1, 2);

for (const [what, w, confirmed, failed, expected] of [
  ['no reply', 2, at(), at(), 'wait'],
  ['one confirmation', 2, at(0), at(), 'wait'],
  ['two confirmations', 2, at(0, 2), at(), 'acked'],
  ['three of two needed', 2, at(0, 1, 2), at(), 'acked'],
  ['one failure', 2, at(), at(1), 'wait'],
  ['two failures', 2, at(), at(1, 2), 'unmet'],
  ['one of each', 3, at(0), at(1), 'unmet'],
  ['failed, then confirmed', 3, at(1), at(1), 'wait'],
  ['confirmed, then failed', 1, at(0), at(0), 'acked'],
  ['enough, and the others failed', 1, at(0), at(1, 2), 'acked'],
] as const) {
  test(`write quorum: N=3 W=${w}, ${what} -> ${expected}`, (t) => {
    t.is(settleWrite(w, FIRST_THREE, FIRST_THREE, confirmed, failed), expected);
  });
}

// the old list is 0, 1, 2, the new one 1, 2, 3; place 4 stands in for a primary that is down
const MOVING = { current: FIRST_THREE, next: at(1, 2, 3), standIns: at(4) };
for (const [what, available, confirmed, failed, expected] of [
  ['W of the old list only', false, at(0, 1), at(), 'wait'],
  ['W of the new list only', false, at(2, 3), at(), 'wait'],
  ['W of both, none of them twice', false, at(0, 1, 3), at(), 'acked'],
  ['W that are in both', false, at(1, 2), at(), 'acked'],
  ['the old list out of reach', false, at(3), at(0, 1), 'unmet'],
  ['the new list out of reach', false, at(0, 1), at(2, 3), 'unmet'],
  ['strict: a stand-in', false, at(1, 4), at(), 'wait'],
  ['strict: a stand-in, and W out of reach', false, at(1, 4), at(0, 2), 'unmet'],
  ['sloppy: a stand-in counts for both lists', true, at(1, 4), at(), 'acked'],
  ['sloppy: a stand-in of its own is one copy', true, at(4), at(), 'wait'],
  ['sloppy: two of the primaries are lost', true, at(4), at(0, 1), 'wait'],
  ['sloppy: too many are lost', true, at(4), at(0, 1, 2), 'unmet'],
] as const) {
  test(`write quorum: a partition that moves, W=2, ${what} -> ${expected}`, (t) => {
    const { current, next } = countedPlaces(MOVING, available);
    t.is(settleWrite(2, current, next, confirmed, failed), expected);
  });
}

test('write quorum: what it got -> the list with fewer confirmations says', (t) => {
  t.is(confirmedOf(MOVING.current, MOVING.next, at(0, 1)), 1);
  t.is(confirmedOf(MOVING.current, MOVING.next, at(1, 2, 3)), 2);
});

test('write quorum: members of any set -> as many as it has bits', (t) => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(26)), (places) => {
      t.is(countPlaces(at(...places)), places.length);
    }),
  );
});

/** The same decision by lists of places. */
function naive(w: number, lists: readonly number[][], confirmed: readonly number[], failed: readonly number[]): string {
  const held = lists.map((list) => list.filter((place) => confirmed.includes(place)).length);
  if (held.every((count) => count >= w)) return 'acked';
  const open = lists.map((list) => list.filter((place) => confirmed.includes(place) || !failed.includes(place)).length);
  return open.some((count) => count < w) ? 'unmet' : 'wait';
}

test('write quorum: every case of up to five places and three replicas -> as the lists say', (t) => {
  const subsets = (of: number) => Array.from({ length: of + 1 }, (_, set) => set);
  const list = (set: number) => [0, 1, 2, 3, 4].filter((place) => ((set >>> place) & 1) === 1);
  const cases = subsets(0b11111);
  const lists = cases.filter((set) => countPlaces(set) >= 1 && countPlaces(set) <= 3);
  let wrong = 0;
  for (const current of lists) {
    for (const next of lists.filter((set) => countPlaces(set) === countPlaces(current))) {
      for (const confirmed of cases) {
        for (const failed of cases) {
          for (let w = 1; w <= countPlaces(current); w++) {
            const expected = naive(w, [list(current), list(next)], list(confirmed), list(failed));
            if (settleWrite(w, current, next, confirmed, failed) !== expected) wrong++;
          }
        }
      }
    }
  }
  t.is(wrong, 0);
});

test('write quorum: strict -> never acked by stand-ins: without them the decision is the same', (t) => {
  const set = fc.nat(0xff);
  fc.assert(
    fc.property(set, set, set, fc.integer({ min: 1, max: 4 }), (confirmed, failed, standIns, w) => {
      const primaries = at(0, 1, 2, 3);
      const { current, next } = countedPlaces({ current: primaries, next: primaries, standIns: standIns << 4 }, false);
      t.is(
        settleWrite(w, current, next, confirmed, failed),
        settleWrite(w, primaries, primaries, confirmed & 15, failed),
      );
    }),
  );
});

test('write quorum: a further confirmation -> never takes an acknowledgement back', (t) => {
  const set = fc.nat(0x1ff);
  fc.assert(
    fc.property(set, set, set, fc.nat(8), fc.integer({ min: 1, max: 4 }), (current, confirmed, failed, place, w) => {
      if (settleWrite(w, current, FIRST_THREE, confirmed, failed) !== 'acked') return;
      t.is(settleWrite(w, current, FIRST_THREE, confirmed | at(place), failed), 'acked');
    }),
  );
});
