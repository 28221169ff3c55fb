/**
 * The one door from the command line to the embedded store: `open`, and the path that the options name.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Store } from '../client/types.js';
import { OPTION_SPECS, type OpenOptions } from '../core/options.js';
import { open } from '../index.js';

/** Opens the store in this process; values resolve to the newest sibling. @throws StoreError as `open` does */
export function openStore(options: OpenOptions): Promise<Store> {
  return open({ ...options, path: dataDirectory(options) });
}

/** The absolute path of the data directory. */
export function dataDirectory(options: OpenOptions): string {
  return resolve(options.path ?? String(OPTION_SPECS.path.default));
}

/** Whether somebody made a store there: commands that only read never make one. */
export function hasStore(path: string): boolean {
  return existsSync(join(path, 'kvorum.json'));
}
