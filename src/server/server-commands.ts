/**
 * Commands about the server: COMMAND for clients that ask what there is, CONFIG GET for tools that ask how it is set, INFO,
 * and those that Redis has and kvorum refuses, each with its reason.
 */
import { latin1Head } from './buffer-methods.js';
import { CommandError, type CommandSpec, command, container, type Handler } from './command-spec.js';
import { globMatches } from './glob.js';
import type { RespWriter } from './resp-writer.js';
import { infoText } from './server-info.js';
import type { Session } from './session.js';

function writeCommandInfo(out: RespWriter, spec: CommandSpec): void {
  out.array(10);
  out.bulkText(spec.name);
  out.integer(spec.arity);
  out.set(spec.flags.length);
  for (const flag of spec.flags) out.simple(flag);
  out.integer(spec.firstKey);
  out.integer(spec.lastKey);
  out.integer(spec.step);
  out.set(0);
  out.array(0);
  out.array(0);
  const subcommands = [...(spec.subcommands?.values() ?? [])];
  out.array(subcommands.length);
  for (const subcommand of subcommands) writeCommandInfo(out, subcommand);
}

/** The rows that are named, or all; null where a name is unknown. */
function chosen(args: readonly Buffer[], { server }: Session): (CommandSpec | undefined)[] {
  if (args.length <= 2) return uniqueRows(server.commands);
  return args.slice(2).map((name) => server.commands.get(name.latin1Slice().toLowerCase()));
}

function uniqueRows(commands: ReadonlyMap<string, CommandSpec>): CommandSpec[] {
  return [...new Set(commands.values())];
}

const list: Handler = (args, session, out) => {
  const rows = chosen(args, session);
  out.array(rows.length);
  for (const row of rows) {
    if (row === undefined) out.null();
    else writeCommandInfo(out, row);
  }
  return undefined;
};

const docs: Handler = (args, session, out) => {
  const rows = chosen(args, session).filter((row) => row !== undefined);
  out.map(rows.length);
  for (const row of rows) writeDocs(out, row);
  return undefined;
};

/** A name and its documentation, in the form that redis-cli reads for its help and hints. */
function writeDocs(out: RespWriter, spec: CommandSpec): void {
  const words = spec.syntax === '' ? [] : [spec.syntax];
  const subcommands = [...(spec.subcommands?.values() ?? [])];
  out.bulkText(spec.name);
  out.map(3 + words.length + (subcommands.length > 0 ? 1 : 0));
  out.bulkText('summary');
  out.bulkText(spec.summary);
  out.bulkText('since');
  out.bulkText('0.1.0');
  out.bulkText('group');
  out.bulkText(spec.group);
  for (const word of words) {
    out.bulkText('arguments');
    out.array(1);
    out.map(2);
    out.bulkText('name');
    out.bulkText(word);
    out.bulkText('type');
    out.bulkText('string');
  }
  if (subcommands.length === 0) return;
  out.bulkText('subcommands');
  out.map(subcommands.length);
  for (const subcommand of subcommands) writeDocs(out, subcommand);
}

const count: Handler = (_args, { server }, out) => {
  out.integer(uniqueRows(server.commands).length);
  return undefined;
};

const commandRows: readonly CommandSpec[] = [
  command({ name: 'count', arity: 2, summary: 'Number of commands.', handler: count }),
  command({ name: 'docs', arity: -2, syntax: '[name ...]', summary: 'What commands do.', handler: docs }),
  command({ name: 'info', arity: -2, syntax: '[name ...]', summary: 'Arity, flags and keys.', handler: list }),
];

/** What CONFIG GET knows: what benchmarks and client libraries ask for, answered truthfully. */
function configuration({ server }: Session): ReadonlyMap<string, string> {
  return new Map([
    ['save', ''],
    ['appendonly', 'yes'],
    ['databases', '1'],
    ['maxclients', String(server.connectionsMax)],
    ['maxmemory', '0'],
    ['maxmemory-policy', 'noeviction'],
    ['port', String(server.port())],
    ['timeout', '0'],
  ]);
}

const configGet: Handler = (args, session, out) => {
  const patterns = args.slice(2).map((pattern) => Buffer.from(pattern.latin1Slice().toLowerCase(), 'latin1'));
  const found = [...configuration(session)].filter(([name]) =>
    patterns.some((pattern) => globMatches(pattern, Buffer.from(name))),
  );
  out.map(found.length);
  for (const [name, value] of found) {
    out.bulkText(name);
    out.bulkText(value);
  }
  return undefined;
};

const info: Handler = async (args, { server }) => {
  const text = await infoText(
    server,
    args.slice(1).map((section) => latin1Head(section, 32).toLowerCase()),
  );
  return (out) => out.bulkText(text);
};

function refused(reason: string): Handler {
  return () => {
    throw new CommandError(`ERR ${reason}`);
  };
}

const NO_FLUSH =
  'is refused: every key would need a tombstone on each replica. Delete keys, or stop and remove the data';

export const SERVER_COMMANDS: readonly CommandSpec[] = [
  {
    ...container({ name: 'command', summary: 'What commands there are.' }, commandRows),
    arity: -1,
    handler: list,
  },
  container({ name: 'config', flags: ['admin'], summary: 'Settings, to read.' }, [
    command({ name: 'get', arity: -3, syntax: 'pattern ...', summary: 'Settings that match.', handler: configGet }),
    command({
      name: 'set',
      arity: -4,
      summary: 'Refused.',
      handler: refused('CONFIG SET is refused: options are given when the store is opened'),
    }),
  ]),
  command({ name: 'info', arity: -1, syntax: '[section ...]', summary: 'Figures about the server.', handler: info }),
  ...['flushall', 'flushdb'].map((name) =>
    command({ name, arity: -1, summary: 'Refused.', handler: refused(`${name.toUpperCase()} ${NO_FLUSH}`) }),
  ),
  command({
    name: 'shutdown',
    arity: -1,
    summary: 'Refused.',
    handler: refused('SHUTDOWN is refused: stop the process that holds the store, with SIGTERM'),
  }),
];
