/**
 * SCAN and DBSIZE. SCAN walks the keys in byte order, a bounded number at a time; its cursors are numbers that stand for
 * the last key (scan-cursors.ts). A key that exists from beginning to end is returned exactly once.
 */

import type { ScanOptions } from '../client/types.js';
import { latin1Head } from './buffer-methods.js';
import {
  CommandError,
  type CommandSpec,
  command,
  type Handler,
  integerOf,
  keeping,
  keyword,
  syntaxError,
} from './command-spec.js';
import { globMatches, globPrefix } from './glob.js';

const COUNT_DEFAULT = 10;
/** Most keys that one call looks at, whatever COUNT asks for. */
export const COUNT_MAX = 10_000;

interface ScanRequest {
  readonly match: Buffer | undefined;
  readonly count: number;
  readonly type: string | undefined;
}

const scan: Handler = async (args, { server }) => {
  const cursor = cursorOf(args[1]);
  const { match, count, type } = scanRequest(args);
  const after = cursor === 0 ? undefined : server.cursors.keyOf(cursor);
  if (cursor !== 0 && after === undefined) {
    throw new CommandError('ERR the cursor is unknown or too old; start again with 0');
  }
  const prefix = match === undefined ? undefined : globPrefix(match);
  const options: ScanOptions = {
    keys: 'bytes',
    values: false,
    limit: count,
    ...(prefix !== undefined && prefix.length > 0 ? { prefix } : {}),
    ...(after === undefined ? {} : { gt: after }),
  };
  const keys: Buffer[] = [];
  let seen = 0;
  let last: Buffer | undefined;
  for await (const pair of server.store.scan(options)) {
    last = pair.key as Buffer; // keys: 'bytes'
    seen += 1;
    if (match === undefined || globMatches(match, last)) keys.push(last);
  }
  const next = seen < count || last === undefined ? 0 : server.cursors.add(last);
  const shown = type === undefined || type === 'STRING' ? keys : [];
  const bytes = shown.reduce((sum, key) => sum + key.length, 0);
  return keeping(bytes, (out) => {
    out.array(2);
    out.bulkText(String(next));
    out.array(shown.length);
    for (const key of shown) out.bulk(key);
  });
};

function cursorOf(argument: Buffer): number {
  const text = latin1Head(argument, 32);
  if (!/^\d{1,20}$/.test(text)) throw new CommandError('ERR invalid cursor');
  return Number(text);
}

function scanRequest(args: readonly Buffer[]): ScanRequest {
  let match: Buffer | undefined;
  let type: string | undefined;
  let count = COUNT_DEFAULT;
  for (let index = 2; index < args.length; index += 2) {
    const value = args[index + 1];
    if (value === undefined) throw syntaxError();
    const option = keyword(args[index]);
    if (option === 'MATCH') match = value;
    else if (option === 'TYPE') type = keyword(value);
    else if (option === 'COUNT') {
      const asked = integerOf(value);
      if (asked < 1) throw syntaxError();
      count = Math.min(asked, COUNT_MAX);
    } else throw syntaxError();
  }
  return { match, count, type };
}

const dbsize: Handler = async (_args, { server }) => {
  const count = await server.store.count();
  return (out) => out.integer(count);
};

export const SCAN_COMMANDS: readonly CommandSpec[] = [
  command({
    name: 'scan',
    arity: -2,
    flags: ['readonly'],
    access: 'read-all',
    group: 'generic',
    syntax: 'cursor [MATCH pattern] [COUNT n] [TYPE string]',
    summary: 'Some keys in byte order, and the cursor that continues.',
    handler: scan,
  }),
  command({
    name: 'dbsize',
    arity: 1,
    flags: ['readonly', 'fast'],
    access: 'read-all',
    summary: 'Approximate number of keys.',
    handler: dbsize,
  }),
];
