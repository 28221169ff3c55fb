/** Flags and variables made from the option table. */
import test from 'ava';
import { Command } from 'commander';
import {
  addStoreFlags,
  flagName,
  OPTION_NAMES,
  storeOptions,
  unknownVariables,
  variableName,
} from '../../src/cli/option-flags.js';
import { OPTION_SPECS } from '../../src/core/options.js';
import { resolveOptions } from '../../src/core/resolve-options.js';

function parse(argv: readonly string[], environment: Record<string, string> = {}) {
  const command = addStoreFlags(new Command().exitOverride(), OPTION_NAMES, { heading: 'Options:' });
  command.parse(argv as string[], { from: 'user' });
  return storeOptions(command.opts(), environment);
}

test('option flags: every option of the table -> a flag, a variable and a line of help with its default', (t) => {
  const command = addStoreFlags(new Command(), OPTION_NAMES, { heading: 'Options:' });
  const help = command.helpInformation().replace(/\s+/g, ' ');
  for (const name of OPTION_NAMES) {
    t.true(help.includes(`--${flagName(name)}`), name);
    t.true(help.includes(`env: ${variableName(name)}`), name);
    t.true(help.includes(OPTION_SPECS[name].meaning), name);
  }
  t.is(new Set(OPTION_NAMES.map(variableName)).size, OPTION_NAMES.length);
});

test('option flags: one of each kind -> parsed values that the store accepts', (t) => {
  const argv = ['--nodes', '3', '--memory', '64m', '--durability', 'sync', '--compression', '--weights', '1,2,0.5'];
  const options = parse([...argv, '--log-bytes-max', '8m', '--path', '/tmp/x']);
  t.deepEqual(options, {
    path: '/tmp/x',
    nodes: 3,
    durability: 'sync',
    memoryBytes: 67_108_864,
    logBytesMax: 8_388_608,
    compression: true,
    weights: [1, 2, 0.5],
  });
  t.notThrows(() => resolveOptions(options, { cores: 2, newHostId: () => 'host' }));
});

test('option flags: the full name of a short flag -> the same option', (t) => {
  t.deepEqual(parse(['--memory-bytes', '64m']), { memoryBytes: 67_108_864 });
});

test('option flags: flag and variable -> the flag wins; variable alone -> it holds; neither -> absent', (t) => {
  const environment = { KVORUM_N: '2', KVORUM_MEMORY: '32m', KVORUM_COMPRESSION: 'yes', KVORUM_R: '' };
  t.deepEqual(parse(['--n', '1', '--no-compression'], environment), {
    n: 1,
    memoryBytes: 33_554_432,
    compression: false,
  });
  t.deepEqual(parse([], environment), { n: 2, memoryBytes: 33_554_432, compression: true });
});

for (const [argv, environment, message] of [
  [['--n', '10'], {}, /^--n 10: n must be a whole number from 1 to 9/],
  [
    ['--memory', '1'],
    {},
    /^--memory 1: memoryBytes must be a whole number from 4194304 to 549755813888 \(bytes\), not 1/,
  ],
  [['--n', 'x'], {}, /^--n x: /],
  [['--memory', 'much'], {}, /^--memory much: .*not a size/],
  [['--durability', 'always'], {}, /one of sync, interval, none/],
  [['--weights', '1,heavy'], {}, /array of numbers/],
  [[], { KVORUM_COMPRESSION: 'maybe' }, /^KVORUM_COMPRESSION maybe: .*true or false/],
] as const) {
  test(`option flags: ${[...argv, ...Object.entries(environment).flat()].join(' ')} -> KV_USAGE that names it`, (t) => {
    const error = t.throws(() => parse(argv, environment), { message });
    t.like(error, { code: 'KV_USAGE' });
  });
}

test('option flags: a variable that names nothing -> reported', (t) => {
  const environment = { KVORUM_NODS: '3', KVORUM_NODES: '3', KVORUM_RESP: 'off', KVORUM_CONNECT: 'x', HOME: '/' };
  t.deepEqual(unknownVariables(environment), ['KVORUM_NODS']);
});
