/** The ledger accuses what breaks a promise, and nothing else: it is what makes the torture able to fail. */
import test from 'ava';
import { StoreError } from '../../../src/index.js';
import { Ledger } from './ledger.js';

type Step = 'acknowledged' | 'indeterminate' | 'refused' | 'under way';

function ledgerOf(steps: readonly Step[]): Ledger {
  const ledger = new Ledger();
  for (const step of steps) {
    const number = ledger.begin('key');
    if (step === 'acknowledged') ledger.acknowledge('key', number);
    if (step === 'indeterminate') ledger.fail('key', number, new StoreError('KV_DEADLINE_EXCEEDED', 'late'));
    if (step === 'refused') ledger.fail('key', number, new StoreError('KV_UNAVAILABLE', 'nothing was done'));
  }
  return ledger;
}

const sixth: readonly Step[] = Array.from({ length: 6 }, () => 'acknowledged' as const);

const CASES: readonly (readonly [
  title: string,
  steps: readonly Step[],
  shown: number | undefined,
  isRight: boolean,
])[] = [
  ['the acknowledged write', ['acknowledged', 'acknowledged'], 2, true],
  ['an older write', ['acknowledged', 'acknowledged'], 1, false],
  ['nothing, where a write was acknowledged', ['acknowledged'], undefined, false],
  ['nothing, where none was', ['indeterminate'], undefined, true],
  ['a later write that failed', ['acknowledged', 'indeterminate'], 2, true],
  ['a later write under way', ['acknowledged', 'under way'], 2, true],
  ['a write that was refused', ['acknowledged', 'refused'], 2, false],
  ['a failed write behind which one was acknowledged', ['indeterminate', 'acknowledged'], 1, false],
  ['a write that nobody made', ['acknowledged'], 2, false],
  ['nothing, where a deletion was acknowledged', [...sixth, 'acknowledged'], undefined, true],
  ['what an acknowledged deletion had removed', [...sixth, 'acknowledged'], 6, false],
  ['nothing, where a deletion was refused', [...sixth, 'refused'], undefined, false],
  ['nothing, where a deletion failed', [...sixth, 'indeterminate'], undefined, true],
];

for (const [title, steps, shown, isRight] of CASES) {
  test(`a ledger: a read shows ${title} -> ${isRight ? 'right' : 'a violation'}`, (t) => {
    const ledger = ledgerOf(steps);
    ledger.check('key', shown, ledger.settled('key'), 'now');
    t.is(ledger.violations.length, isRight ? 0 : 1, ledger.violations.join());
  });
}

test('a ledger: a call fails with a defect, or with no error of the store -> a violation', (t) => {
  const ledger = ledgerOf(['indeterminate', 'refused']);
  t.deepEqual(ledger.violations, []);
  ledger.count(new StoreError('KV_INTERNAL', 'a broken invariant'));
  ledger.count(new TypeError('of nothing'));
  t.is(ledger.violations.length, 2);
});
