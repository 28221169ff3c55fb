/** kvorum: a Dynamo-style key-value store, a whole cluster inside one process. */
export { attach } from './client/attach.js';
export { type OpenStoreOptions, open } from './client/open.js';
export type * from './client/types.js';
export { ERROR_CODES, type ErrorCode, StoreError, type WireError } from './core/errors.js';
export { OPTION_SPECS, type OpenOptions, type OptionSpec } from './core/options.js';
