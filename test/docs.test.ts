/**
 * The documents against the code: their tables equal the tables in the source, their programs run and print what they
 * say, and the files that they name exist.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { STORE_CASES } from '../bench/store/cases.js';
import { EXIT_CODES } from '../src/cli/exit-codes.js';
import { buildProgram } from '../src/cli/program.js';
import { formatBytes } from '../src/cli/quantities.js';
import { ERROR_CODES } from '../src/core/errors.js';
import { OPTION_SPECS, type OptionSpec } from '../src/core/options.js';
import { EVENTS } from '../src/host/reports.js';
import { MESSAGES } from '../src/protocol/messages.js';
import { codeBlocks, namedPaths, printedBy, tableUnder } from './docs/markdown.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DOCUMENTS = [
  'README.md',
  'CONTRIBUTING.md',
  'src/README.md',
  'docs/architecture.md',
  'docs/failure-detection.md',
  'docs/guarantees.md',
  'docs/hosts.md',
  'docs/operations.md',
  'docs/simulator.md',
  'examples/README.md',
];
/** Longest that a program of the README may take, on a busy machine. */
const DEADLINE_MS = 60_000;

const read = (path: string): Promise<string> => readFile(join(ROOT, path), 'utf8');

test('README: options -> those of OPTION_SPECS, in their order', async (t) => {
  const rows = tableUnder(await read('README.md'), '## Options');
  const expected = Object.entries(OPTION_SPECS).map(([name, spec]) => [
    name,
    spec.scope,
    rangeOf(spec),
    defaultOf(spec),
    spec.meaning,
  ]);
  t.deepEqual(rows, expected);
});

function rangeOf({ choices, kind, min, max, unit }: OptionSpec): string {
  if (choices !== undefined) return choices.join(', ');
  if (kind === 'boolean') return 'true, false';
  if (min === undefined || max === undefined) return '';
  const show = kind === 'bytes' ? formatBytes : String;
  return `${show(min)} to ${show(max)}${unit === undefined ? '' : `, ${unit}`}`;
}

function defaultOf(spec: OptionSpec): string {
  if (spec.default === undefined) return spec.defaultText ?? '';
  return spec.kind === 'bytes' ? formatBytes(Number(spec.default)) : String(spec.default);
}

test('types: what an editor shows of each option -> what OPTION_SPECS says of it', async (t) => {
  const files = ['option-types', 'bridge-options', 'repair-options'];
  const texts = await Promise.all(files.map((file) => read(`src/core/${file}.ts`)));
  const shown = new Map<string, string>();
  for (const [, comment, name] of texts.join('').matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s+readonly (\w+)\??:/g)) {
    shown.set(name, comment.replace(/\s+(?:\* )?/g, ' ').trim());
  }
  for (const [name, spec] of Object.entries(OPTION_SPECS)) {
    const range = spec.choices === undefined && spec.kind !== 'boolean' ? rangeOf(spec) : '';
    const parts = [spec.kind === 'bytes' ? `in bytes, ${range}` : range, `default: ${defaultOf(spec) || 'none'}`];
    const rest = parts.filter((part) => part !== '').join('; ');
    t.is(shown.get(name), `${spec.meaning} ${rest[0].toUpperCase()}${rest.slice(1)}.`);
  }
});

test('README: error codes -> those of ERROR_CODES, each with what to do', async (t) => {
  const rows = tableUnder(await read('README.md'), '## Errors');
  const expected = Object.entries(ERROR_CODES).map(([code, { retryable, meaning }]) => [
    code,
    retryable ? 'yes' : 'no',
    meaning,
  ]);
  t.deepEqual(
    rows.map((row) => row.slice(0, 3)),
    expected,
  );
  for (const [code, , , advice] of rows) t.true(advice.length > 0, code);
});

test('README: exit codes -> those of the command line', async (t) => {
  const rows = tableUnder(await read('README.md'), '### Exit codes');
  t.deepEqual(
    rows,
    Object.values(EXIT_CODES).map(({ code, meaning }) => [String(code), meaning]),
  );
});

test('README: calls and events of a store -> all are named', async (t) => {
  const readme = await read('README.md');
  const contract = /^export interface Store [^{]*\{([\s\S]*?)^\}/m.exec(await read('src/client/types.ts'))?.[1] ?? '';
  const calls = [...contract.matchAll(/^ {2}([a-zA-Z]+)[<(]/gm)].map(([, name]) => name);
  t.true(calls.length > 20);
  for (const name of calls) t.true(new RegExp(`\`${name}[\`(]`).test(readme), name);
  const events = tableUnder(readme, '### Events').flatMap(([names]) => names.match(/[a-z-]+/g) ?? []);
  t.deepEqual(events.sort(), Object.keys(EVENTS).sort());
});

test('README: commands -> those of the command line', async (t) => {
  const rows = tableUnder(await read('README.md'), '## Command line');
  const words = new Set(rows.flatMap(([names]) => names.match(/[a-z-]+/g) ?? []));
  t.deepEqual(
    buildProgram()
      .commands.map((command) => command.name())
      .filter((name) => !words.has(name)),
    [],
  );
});

test('README: the table of speed, and its figures -> a row for each case of the bench', async (t) => {
  const ids = STORE_CASES.map(({ id }) => id);
  const rows = tableUnder(await read('README.md'), '## Speed');
  t.deepEqual(
    rows.map(([id]) => id),
    ids,
  );
  const { results } = JSON.parse(await read('docs/bench/quick.json')) as { results: { id: string }[] };
  t.deepEqual(
    results.map(({ id }) => id),
    ids,
  );
});

test('architecture: messages -> those of MESSAGES', async (t) => {
  const rows = tableUnder(await read('docs/architecture.md'), '## Messages');
  const expected = Object.entries(MESSAGES).map(([name, { tag, kind, body, summary }]) => [
    name,
    String(tag),
    kind,
    body,
    summary,
  ]);
  t.deepEqual(rows, expected);
});

test('README: programs marked runnable -> run and print what they say', async (t) => {
  const programs = codeBlocks(await read('README.md'), 'js runnable');
  t.true(programs.length >= 3);
  const folder = await mkdtemp(join(tmpdir(), 'kvorum-docs-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, 'node_modules'));
  await symlink(ROOT, join(folder, 'node_modules', 'kvorum'));
  for (const [index, program] of programs.entries()) {
    const file = join(folder, `program-${index}.mjs`);
    await writeFile(file, program);
    const options = { cwd: folder, timeout: DEADLINE_MS };
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], options);
    t.is(stderr, '', `program ${index}`);
    t.deepEqual(stdout.trimEnd().split('\n'), printedBy(program), `program ${index}`);
    await rm(join(folder, 'kvorum-data'), { recursive: true, force: true });
  }
});

for (const document of DOCUMENTS) {
  test(`${document}: a file that it names -> exists`, async (t) => {
    for (const path of namedPaths(await read(document))) {
      const file = path.startsWith('/') ? join(ROOT, path) : join(ROOT, dirname(document), path);
      t.true(existsSync(file), path);
    }
  });
}
