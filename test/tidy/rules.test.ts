/** Every rule of the house, shown to pass what is right and to fail what is wrong. */
import test from 'ava';
import * as rules from './rules.js';
import { maskSource } from './source-mask.js';

const check = (rule: rules.Rule, path: string, source: string): string[] => rule({ path, ...maskSource(source) });
const lines = (count: number, text = 'work();'): string => `${text}\n`.repeat(count);

test('file length: 300 lines -> passes, 301 -> fails', (t) => {
  t.deepEqual(check(rules.fileLength, 'src/core/a.ts', lines(300)), []);
  t.deepEqual(check(rules.fileLength, 'src/core/a.ts', lines(301)), [
    'src/core/a.ts:301: the file is longer than 300 lines',
  ]);
});

const FUNCTIONS: readonly (readonly [open: string, close: string])[] = [
  ['function long(a: number) {', '}'],
  ['export async function long<T>(a: T): Promise<Map<string, T[]>> {', '}'],
  ['function long(a: unknown): asserts a is string {', '}'],
  ["function long(): { kind: 'a' | 'b'; at: number } | undefined {", '}'],
  ['function long(): (a: number) => { b: string } {', '}'],
  ['const long = (a: number): number => {', '}'],
  ['const long = async function* () {', '}'],
  ['const long = () => ({', '})'],
  ['class Long { #long(a: number) {', '} }'],
  ['class Long { static get long(): string {', '} }'],
  ['const long = { long(a: string = ")") {', '} }'],
];
for (const [open, close] of FUNCTIONS) {
  test(`function length: ${open} of 60 lines -> passes, of 61 -> fails`, (t) => {
    const sourceOf = (count: number): string => `\n${open}\n${lines(count - 2)}${close}\n`;
    t.deepEqual(check(rules.functionLength, 'src/a.ts', sourceOf(60)), []);
    t.deepEqual(check(rules.functionLength, 'src/a.ts', sourceOf(61)), [
      'src/a.ts:2: a function of 61 lines, at most 60',
    ]);
  });
}

const BLOCKS = [
  'if (a) {',
  'for await (const a of b()) {',
  'while (a(b)) {',
  'switch (a) {',
  'class A extends mixin(B) {',
  'const a = {',
  'const a = b ? (c) : {',
];
for (const header of BLOCKS) {
  test(`function length: ${header} of 100 lines -> is no function`, (t) => {
    t.deepEqual(check(rules.functionLength, 'src/a.ts', `${header}\n${lines(99)}}`), []);
  });
}

// In two parts, so that it does not read as a template that lost its backticks.
const TEMPLATE = ['`}$', '{ { a: `}` } }{`'].join('');
const HIDING = ["'}'", '"{"', '/[}/]{/', TEMPLATE, '// }', '/* } */', "'\\'}'"];
for (const text of HIDING) {
  test(`function length: ${text} within a function -> does not end it`, (t) => {
    const source = `function a() {\nb =\n${text}\n;${lines(58)}}\n`;
    t.deepEqual(check(rules.functionLength, 'src/a.ts', source), ['src/a.ts:1: a function of 62 lines, at most 60']);
  });
}

test('floors: a lower floor and the own folder -> pass', (t) => {
  const source = `import { a } from '../core/a.js';\nexport type { B } from './b.js';\nimport 'lmdb';\nnew URL('../../package.json', a);`;
  t.deepEqual(check(rules.floors, 'src/storage/x.ts', source), []);
});

const RISING: readonly (readonly [path: string, statement: string, found: string])[] = [
  ['src/core/x.ts', "import { a } from '../protocol/a.js';", 'src/core (floor 0) imports src/protocol (floor 1)'],
  ['src/core/x.ts', "import type { a } from '../client/a.js';", 'src/core (floor 0) imports src/client (floor 5)'],
  ['src/storage/x.ts', "export * from '../runtime/a.js';", 'src/storage (floor 3) imports src/runtime (floor 3)'],
  ['src/runtime/x.ts', "import '../storage/a.js';", 'src/runtime (floor 3) imports src/storage (floor 3)'],
  ['actors/x.ts', "import { a } from '../src/storage/a.js';", 'actors (floor 3) imports src/storage (floor 3)'],
  ['src/runtime/x.ts', "await import('../../actors/a.js');", 'src/runtime (floor 3) imports actors (floor 3)'],
  ['src/host/x.ts', "type A = import('../client/a.js').A;", 'src/host (floor 4) imports src/client (floor 5)'],
  ['src/host/x.ts', "new URL('../cli/a.js', import.meta.url);", 'src/host (floor 4) imports src/cli (floor 8)'],
  ['src/server/x.ts', "import {\n  a,\n} from '../index.js';", 'src/server (floor 6) imports src/index.ts (floor 7)'],
  ['src/core/x.ts', "import { a } from '../../test/a.js';", 'imports test/a.js, which is on no floor'],
];
for (const [path, statement, found] of RISING) {
  test(`floors: ${path} with ${statement.replaceAll('\n', '')} -> fails`, (t) => {
    const broken = check(rules.floors, path, statement);
    t.is(broken.length, 1);
    t.true(broken[0].endsWith(found), broken[0]);
  });
}

for (const effect of [
  'Date.now()',
  'new Date()',
  'Math.random()',
  'process.env',
  'performance.now()',
  'setTimeout(a)',
]) {
  test(`pure floors: ${effect} -> fails on a pure floor only`, (t) => {
    for (const path of ['src/core/a.ts', 'src/protocol/a.ts', 'src/actor/a.ts', 'actors/a.ts'])
      t.is(check(rules.pureFloors, path, `a = ${effect};`).length, 1, path);
    t.deepEqual(check(rules.pureFloors, 'src/host/a.ts', `a = ${effect};`), []);
    t.deepEqual(check(rules.pureFloors, 'src/core/a.ts', `// ${effect}\na = '${effect}';`), []);
  });
}

test('pure floors: an import of a built-in, with or without node: -> fails', (t) => {
  t.deepEqual(check(rules.pureFloors, 'actors/a.ts', "import { a } from 'node:fs';\nimport b from 'os';"), [
    'actors/a.ts:1: imports node:fs',
    'actors/a.ts:2: imports os',
  ]);
});

test('pure floors: a member or a longer word of the same name -> passes', (t) => {
  t.deepEqual(check(rules.pureFloors, 'src/core/a.ts', 'a.process(b); reprocess(); updateDate; Math.max(a);'), []);
});

test('atomics: a comment on the line or up to three lines above -> passes, farther or none -> fails', (t) => {
  const step = 'Atomics.store(a, 0, 1);';
  t.deepEqual(check(rules.atomicsOrdering, 'src/a.ts', `${step} // release: publishes the record`), []);
  t.deepEqual(check(rules.atomicsOrdering, 'src/a.ts', `// release\na;\nb;\n${step}`), []);
  t.deepEqual(check(rules.atomicsOrdering, 'src/a.ts', `// release\na;\nb;\nc;\n${step}`), [
    'src/a.ts:5: an atomic step without a comment that names its ordering',
  ]);
  t.is(check(rules.atomicsOrdering, 'src/a.ts', `a = '// no comment';\n${step}`).length, 1);
  t.deepEqual(check(rules.atomicsOrdering, 'src/a.ts', "/** Atomics.load */ const a = 'Atomics.load(b)';"), []);
});

test('names: kebab-case -> passes, anything else -> fails', (t) => {
  for (const path of [
    'src/core/slot-hash.ts',
    'test/core/slot-hash.test.ts',
    'bench/core/ring.bench.ts',
    'src/host/a.d.ts',
  ])
    t.deepEqual(check(rules.kebabNames, path, ''), []);
  for (const path of ['src/core/slotHash.ts', 'src/Core/ring.ts', 'src/core/slot_hash.ts', 'src/core/a.b.ts'])
    t.is(check(rules.kebabNames, path, '').length, 1, path);
});

test('exports: named -> passes, default -> fails', (t) => {
  t.deepEqual(
    check(rules.namedExports, 'src/a.ts', "export const a = 1; // export default\nb = 'export default';"),
    [],
  );
  t.deepEqual(check(rules.namedExports, 'src/a.d.ts', 'export default function a(): void;'), []);
  t.is(check(rules.namedExports, 'src/a.ts', 'export default class A {}').length, 1);
  t.is(check(rules.namedExports, 'src/a.ts', 'export { a as default };').length, 1);
});

test('head: a comment first, behind a #! line or not -> passes, code first -> fails', (t) => {
  t.deepEqual(check(rules.headComment, 'src/a.ts', '/** What it is. */\n'), []);
  t.deepEqual(check(rules.headComment, 'src/a.ts', '#!/usr/bin/env node\n/** What it is. */\n'), []);
  t.is(check(rules.headComment, 'src/a.ts', "import 'a';\n").length, 1);
});

for (const source of ["const a = 'b;\n", '/* never ends', '`${a', 'const a = /b\n;']) {
  test(`mask: ${JSON.stringify(source)} -> throws instead of guessing`, (t) => {
    t.throws(() => maskSource(source), { message: /is not closed/ });
  });
}
