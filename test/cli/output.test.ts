/** What reaches a terminal, and what exit code an error has. */
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import { CliError, EXIT_CODES, exitCodesHelp, printedError } from '../../src/cli/exit-codes.js';
import { printable, table } from '../../src/cli/output.js';
import { ERROR_CODES, type ErrorCode, StoreError } from '../../src/core/errors.js';
import { MAIN } from './cli-runner.js';

test('output: any text made printable -> no control character, and different texts stay different', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (one, other) => {
      t.notRegex(printable(one), /\p{Cc}/u);
      t.is(printable(one) === printable(other), one === other);
    }),
  );
});

test('output: a table -> numbers to the right, text to the left', (t) => {
  const text = table([
    ['node', 'bytes', 'state'],
    [1, '1.5 MiB', 'up'],
    [12, '640 B', 'down'],
  ]);
  t.is(text, 'node    bytes  state\n   1  1.5 MiB  up\n  12    640 B  down');
});

test('exit codes: every code of the store -> 2, 3 or 70', (t) => {
  for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
    const { exitCode } = printedError(new StoreError(code, 'x'));
    t.true([2, 3, 70].includes(exitCode), code);
    t.is(exitCode === 70, code === 'KV_INTERNAL');
  }
});

test('exit codes: errors of the command line, of files, and bugs -> their own', (t) => {
  t.is(printedError(new CliError('KV_NOT_FOUND', 'x')).exitCode, 1);
  t.is(printedError(new CliError('KV_USAGE', 'x')).exitCode, 2);
  t.is(printedError(new CliError('KV_UNREACHABLE', 'x')).exitCode, 4);
  t.is(printedError(new CliError('KV_INPUT', 'x')).exitCode, 5);
  t.is(printedError(Object.assign(new Error('ENOENT'), { code: 'ENOENT', syscall: 'open' })).exitCode, 5);
  t.like(printedError(new TypeError('oops')), { code: 'KV_INTERNAL', message: 'oops', exitCode: 70 });
});

test('exit codes: the help -> every code of the table', (t) => {
  for (const { code, meaning } of Object.values(EXIT_CODES)) {
    t.true(exitCodesHelp().includes(`  ${String(code).padEnd(4)} ${meaning}`));
  }
});

(existsSync('/dev/full') ? test : test.skip)('output: standard output is a full disk -> KV_INPUT, exit code 5', (t) => {
  const full = openSync('/dev/full', 'w');
  t.teardown(() => closeSync(full));
  const { status, stderr } = spawnSync(process.execPath, [MAIN, '--help'], { stdio: ['ignore', full, 'pipe'] });
  t.is(stderr.toString(), 'kvorum: KV_INPUT: standard output: ENOSPC: no space left on device, write\n');
  t.is(status, 5);
});
