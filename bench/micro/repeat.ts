/** Turns one nanosecond-sized operation into a case that tinybench can time: a thousand of them a call. */
import type { MicroCase } from './suite.js';

const OPERATIONS = 1_000;

/**
 * A case that calls `operation` with 0..999. The numbers that it returns are added up and must give `sum`: a result
 * that nobody looks at may be optimised away.
 */
export function repeated(name: string, sum: number, operation: (index: number) => number): MicroCase {
  return {
    name,
    operations: OPERATIONS,
    run: () => {
      let got = 0;
      for (let index = 0; index < OPERATIONS; index++) got += operation(index);
      if (got !== sum) throw new Error(`${name}: the results add up to ${got}, not ${sum}`);
    },
  };
}
