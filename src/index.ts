/**
 * kvorum: a Dynamo-style key-value store, a whole cluster inside one process.
 *
 * `open` and `attach` have their types here, so that the declarations of a program's compiler end at the contract
 * (client/types.ts) and do not lead into threads and storage, and from there into those of the packages they use.
 */
import { attach as attachStore } from './client/attach.js';
import { open as openStore } from './client/open.js';
import type { OpenStoreOptions, Resolve, Store, StoreHandle } from './client/types.js';

export type * from './client/types.js';
export { ERROR_CODES, type ErrorCode, StoreError, type WireError } from './core/errors.js';
export { OPTION_SPECS, type OpenOptions, type OptionSpec } from './core/options.js';

/**
 * Opens a store: a whole cluster in this process. One process at a time may have a directory open.
 * @throws StoreError KV_INVALID_OPTION, KV_FAILURE_DOMAINS, KV_PATH, KV_IN_USE, KV_WRONG_CLUSTER, KV_FORMAT_TOO_NEW,
 *   KV_STORAGE_FULL, KV_STORAGE_FAILED, KV_CORRUPT; where it joins a cluster, KV_UNAVAILABLE and KV_PEER_REFUSED too
 */
export const open: (options?: OpenStoreOptions) => Promise<Store> = openStore;

/**
 * Opens the store of a handle (`store.handle()`) in this thread. Each handle serves one thread, once.
 * @throws StoreError KV_INVALID_OPTION for anything that `store.handle()` did not make
 */
export const attach: (handle: StoreHandle, options?: { readonly resolve?: Resolve }) => Store = attachStore;
