/**
 * Finds the store for a command: the server that `--connect` names; else the process that holds the data directory,
 * by the socket in it; else the directory itself, opened here. A process that is just starting or stopping holds the
 * directory without answering for a moment, so both ways are tried for a while before giving up.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreError } from '../core/errors.js';
import type { OpenOptions } from '../core/options.js';
import type { Invocation } from './command.js';
import { CliError } from './exit-codes.js';
import { LocalAccess } from './local-access.js';
import { dataDirectory, hasStore, openStore } from './open-store.js';
import { type OptionName, storeOptions } from './option-flags.js';
import { formatTarget, parseTarget } from './quantities.js';
import { connectAccess, type RemoteAccess } from './remote-access.js';
import { socketPathOf } from './socket-path.js';
import type { StoreAccess } from './store-access.js';

const TRIES_MAX = 12;
const PAUSE_MS = 200;

export interface FindOptions {
  /** Whether a directory that does not exist is made: for writes only. */
  readonly create: boolean;
  /** Flags that mean something per request here, and not how the store is opened. */
  readonly ownFlags?: readonly OptionName[];
}

/**
 * Runs the work with the store and closes it, whatever happens.
 * @throws CliError KV_UNREACHABLE where nothing answers; StoreError KV_PATH for a missing directory; what `open` throws
 */
export async function withStore<Result>(
  invocation: Invocation,
  find: FindOptions,
  work: (access: StoreAccess) => Promise<Result>,
): Promise<Result> {
  const access = await openAccess(invocation, find);
  try {
    return await work(access);
  } finally {
    await access.close();
  }
}

/**
 * The same with the process that holds the store: it is never opened here.
 * @throws CliError KV_UNREACHABLE where no process answers
 */
export async function withHolder<Result>(
  { flags, environment, config }: Invocation,
  work: (access: RemoteAccess) => Promise<Result>,
): Promise<Result> {
  const named = (flags.connect as string | undefined) ?? environment.KVORUM_CONNECT;
  const path = dataDirectory(storeOptions(flags, environment, undefined, config));
  const access = named ? await reach(named) : await connectAccess({ socketPath: socketPathOf(path) ?? '' });
  if (access === undefined) {
    throw new CliError('KV_UNREACHABLE', `no process that serves ${path} answers; is it running?`, { path });
  }
  try {
    return await work(access);
  } finally {
    await access.close();
  }
}

async function openAccess({ flags, environment, config }: Invocation, find: FindOptions): Promise<StoreAccess> {
  const named = (flags.connect as string | undefined) ?? environment.KVORUM_CONNECT;
  if (named) return reach(named);
  const opening = Object.fromEntries(
    Object.entries(flags).filter(([name]) => !find.ownFlags?.includes(name as OptionName)),
  );
  const options = storeOptions(opening, environment, undefined, config);
  const path = dataDirectory(options);
  if (!find.create && !hasStore(path)) {
    throw new StoreError('KV_PATH', `no store in ${path}; name its directory with --path`, { path });
  }
  return findHolder(path, options);
}

async function reach(named: string): Promise<RemoteAccess> {
  const target = parseTarget(named);
  const access = await connectAccess(target);
  if (access) return access;
  throw new CliError('KV_UNREACHABLE', `nothing answers at ${formatTarget(target)}`, { address: named });
}

async function findHolder(path: string, options: OpenOptions): Promise<StoreAccess> {
  const socketPath = socketPathOf(path);
  for (let tries = 1; ; tries++) {
    const holder = socketPath === undefined ? undefined : await connectAccess({ socketPath });
    if (holder) return holder;
    try {
      return new LocalAccess(await openStore(options), path);
    } catch (thrown) {
      if (!(thrown instanceof StoreError) || thrown.code !== 'KV_IN_USE') throw thrown;
      if (tries === TRIES_MAX) throw heldError(path, thrown);
      await sleep(PAUSE_MS);
    }
  }
}

function heldError(path: string, cause: StoreError): CliError {
  const why = 'it does not listen on kvorum.sock there: an embedded store, or a server that hangs';
  return new CliError('KV_UNREACHABLE', `another process holds ${path}, and ${why}`, { path }, cause);
}
