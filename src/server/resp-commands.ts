/**
 * The table of all commands, and the way from a name to its row.
 */

import { ADMIN_COMMANDS } from './admin-commands.js';
import { latin1Head } from './buffer-methods.js';
import { CommandError, type CommandSpec } from './command-spec.js';
import { CONNECTION_COMMANDS } from './connection-commands.js';
import { KEY_COMMANDS } from './key-commands.js';
import { SCAN_COMMANDS } from './scan-commands.js';
import { SERVER_COMMANDS } from './server-commands.js';
import { STRING_COMMANDS } from './string-commands.js';

/** Most bytes of unknown names and arguments that an error reply repeats. */
const SHOWN_BYTES_MAX = 128;

/** Every command under its name in lower and in upper case, so that the usual spellings need no conversion. */
export const COMMANDS: ReadonlyMap<string, CommandSpec> = new Map(
  [
    ...STRING_COMMANDS,
    ...KEY_COMMANDS,
    ...SCAN_COMMANDS,
    ...CONNECTION_COMMANDS,
    ...SERVER_COMMANDS,
    ...ADMIN_COMMANDS,
  ].flatMap((spec) => [
    [spec.name, spec],
    [spec.name.toUpperCase(), spec],
  ]),
);

/** The row of a command, or of its subcommand, with the arity checked. @throws CommandError in Redis' words */
export function findCommand(args: readonly Buffer[]): CommandSpec {
  const name = latin1Head(args[0], SHOWN_BYTES_MAX);
  let spec = COMMANDS.get(name) ?? COMMANDS.get(name.toLowerCase());
  if (spec === undefined) throw unknownCommand(name, args);
  if (spec.subcommands !== undefined && args.length > 1) {
    const what = latin1Head(args[1], SHOWN_BYTES_MAX);
    const found = spec.subcommands.get(what.toLowerCase());
    if (found === undefined) throw new CommandError(`ERR unknown subcommand '${what}' of '${spec.name}'`);
    spec = found;
  }
  const { arity } = spec;
  if (arity > 0 ? args.length !== arity : args.length < -arity) {
    throw new CommandError(`ERR wrong number of arguments for '${spec.name}' command`);
  }
  return spec;
}

/** A web page can make a browser send `POST /` here; whoever does so is no client (CVE-2016-10517 of Redis). */
export function looksLikeHttp(args: readonly Buffer[]): boolean {
  return /^(post|host:)$/i.test(latin1Head(args[0], 8));
}

function unknownCommand(name: string, args: readonly Buffer[]): CommandError {
  let shown = '';
  for (const argument of args.slice(1)) {
    if (shown.length >= SHOWN_BYTES_MAX) break;
    shown += `'${latin1Head(argument, SHOWN_BYTES_MAX - shown.length)}' `;
  }
  return new CommandError(`ERR unknown command '${name}', with args beginning with: ${shown}`);
}
