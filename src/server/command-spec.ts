/**
 * What a command is: its row in the table that `COMMAND` shows, that arity checks read, and that the connection obeys
 * when it decides what may run at the same time.
 */

import { asStoreError } from '../core/errors.js';
import { latin1Head } from './buffer-methods.js';
import type { Access } from './key-order.js';
import type { ReplyShare } from './reply-budget.js';
import type { RespWriter } from './resp-writer.js';
import type { ErrorForm, Session } from './session.js';

/** A page of all keys is as much as so many values. */
const ALL_KEYS_WEIGHT = 256;

/** Writes one whole reply. */
export interface Reply {
  (out: RespWriter): void;
  /** What it keeps until then, where that may be much: of a read, since a refused one takes its share in vain. */
  readonly bytes?: number;
  /** Its part of the bytes that all replies may keep. */
  readonly share?: ReplyShare;
}

/** The reply to a read, which keeps so many bytes. */
export function keeping(bytes: number, write: (out: RespWriter) => void): Reply {
  return Object.assign(write, { bytes });
}

/**
 * Runs a command. Either writes one whole reply to `out` and returns undefined, or writes nothing and returns a promise
 * of the reply. `args[0]` is the name; for a subcommand `args[1]` is its name. The arguments are views of the input:
 * what is kept beyond the reply is copied. Whatever it throws becomes an error reply.
 */
export type Handler = (args: Buffer[], session: Session, out: RespWriter) => Promise<Reply> | undefined;

export interface CommandSpec {
  /** In lower case; `client|setname` for a subcommand. */
  readonly name: string;
  /** Number of arguments with the name; at least so many where negative. */
  readonly arity: number;
  readonly flags: readonly string[];
  /** Positions of the keys as Redis gives them: first, last (negative: from the end), step. 0, 0, 0 without keys. */
  readonly firstKey: number;
  readonly lastKey: number;
  readonly step: number;
  readonly access: Access;
  readonly group: 'string' | 'generic' | 'connection' | 'server';
  readonly summary: string;
  /** The arguments in words, for help. */
  readonly syntax: string;
  readonly handler: Handler;
  readonly subcommands?: ReadonlyMap<string, CommandSpec>;
}

type SpecFields = Pick<CommandSpec, 'name' | 'arity' | 'summary' | 'handler'> & Partial<CommandSpec>;

/** A row with the defaults of a command that touches no key. */
export function command(fields: SpecFields): CommandSpec {
  const defaults = {
    flags: ['fast'],
    firstKey: 0,
    lastKey: 0,
    step: 0,
    access: 'none',
    group: 'server',
    syntax: '',
  } as const;
  return { ...defaults, ...fields };
}

/** A row for a command on keys from position 1 to `lastKey`. */
export function keyCommand(access: Access, lastKey: number, fields: SpecFields & { step?: number }): CommandSpec {
  const flags = access === 'read' ? ['readonly', 'fast'] : ['write'];
  return command({ flags, firstKey: 1, lastKey, step: 1, access, group: 'string', ...fields });
}

/** A command whose second argument names what it does. */
export function container(fields: Omit<SpecFields, 'handler' | 'arity'>, rows: readonly CommandSpec[]): CommandSpec {
  const { name } = fields;
  const subcommands = new Map(rows.map((row) => [row.name, { ...row, name: `${name}|${row.name}` }]));
  const handler: Handler = () => {
    throw new CommandError(`ERR wrong number of arguments for '${name}' command`);
  };
  return command({ ...fields, arity: -2, handler, subcommands });
}

/** The keys of a command as its row names them. */
export function keysOf(spec: CommandSpec, args: readonly Buffer[]): string[] {
  const keys: string[] = [];
  if (spec.firstKey === 0) return keys;
  const last = spec.lastKey < 0 ? args.length + spec.lastKey : spec.lastKey;
  for (let index = spec.firstKey; index <= last; index += spec.step) keys.push(args[index].latin1Slice());
  return keys;
}

/** How many keys a command asks the store for; one that reads any of them counts as a good many. */
export function weightOf({ access, firstKey, lastKey, step }: CommandSpec, args: readonly Buffer[]): number {
  if (access === 'read-all') return ALL_KEYS_WEIGHT;
  if (firstKey === 0) return 1;
  const last = lastKey < 0 ? args.length + lastKey : lastKey;
  return Math.floor((last - firstKey) / step) + 1;
}

/** A refused command; the message is the whole error reply, from its code on. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** The error reply for anything thrown: `ERR ...` for a refused command, `KV_... ...` for what the store answered. */
export function errorText(thrown: unknown, form: ErrorForm): string {
  if (thrown instanceof CommandError) return thrown.message;
  const { code, message, details } = asStoreError(thrown);
  return `${code} ${form === 'json' ? JSON.stringify({ message, details }) : message}`;
}

export function syntaxError(): CommandError {
  return new CommandError('ERR syntax error');
}

/** Text of an argument in capitals, to compare with keywords. */
export function keyword(argument: Buffer): string {
  return latin1Head(argument, 64).toUpperCase();
}

/** A whole number in decimal. @throws CommandError when it is none, or is not a safe integer. */
export function integerOf(argument: Buffer): number {
  const text = latin1Head(argument, 32);
  const value = Number(text);
  if (!/^-?\d{1,16}$/.test(text) || !Number.isSafeInteger(value) || argument.length > 32) {
    throw new CommandError('ERR value is not an integer or out of range');
  }
  return value;
}
