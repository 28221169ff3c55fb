/** Glob patterns as Redis matches them, and their cost. */
import test from 'ava';
import fc from 'fast-check';
import { globMatches, globPrefix } from '../../src/server/glob.js';
import { fastestMs } from '../fastest-ms.js';

const matches = (pattern: string, text: string) => globMatches(Buffer.from(pattern), Buffer.from(text));

const cases: readonly (readonly [string, string, boolean])[] = [
  ['*', '', true],
  ['user:*', 'user:1', true],
  ['user:*', 'use', false],
  ['h?llo', 'hello', true],
  ['h?llo', 'hllo', false],
  ['h[ae]llo', 'hallo', true],
  ['h[ae]llo', 'hillo', false],
  ['h[^e]llo', 'hallo', true],
  ['h[^e]llo', 'hello', false],
  ['h[a-c]llo', 'hbllo', true],
  ['h[c-a]llo', 'hbllo', true],
  ['h[a-c]llo', 'hdllo', false],
  ['a\\*b', 'a*b', true],
  ['a\\*b', 'axb', false],
  ['*a*b*', 'xxaxxbxx', true],
  ['*a*b', 'ab a', false],
  ['[abc', 'b', true],
  ['[\\]]', ']', true],
  ['', '', true],
  ['', 'a', false],
];
for (const [pattern, text, expected] of cases) {
  test(`glob: ${JSON.stringify(pattern)} on ${JSON.stringify(text)} -> ${expected}`, (t) => {
    t.is(matches(pattern, text), expected);
  });
}

test('glob: many stars on a long text that does not match -> no exponential search', (t) => {
  const ms = fastestMs(5, () => t.false(matches(`${'*a'.repeat(200)}b`, 'a'.repeat(1_900))));
  t.true(ms < 1_000, `${ms} ms`);
});

test('glob: any pattern and a text that matches -> the text starts with the prefix of the pattern', (t) => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?', '[', ']', '\\', '^', '-'), maxLength: 6 });
  fc.assert(
    fc.property(letters, letters, (pattern, text) => {
      if (matches(pattern, text)) t.true(text.startsWith(globPrefix(Buffer.from(pattern)).toString()));
      t.true(matches(`${text.replace(/[\\*?[\]^-]/g, '\\$&')}*`, `${text}more`));
    }),
    { numRuns: 2_000 },
  );
});
