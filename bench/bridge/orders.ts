/** What the bridge suite asks of a host process. */
import type { OpenStoreOptions, StoreChange } from '../../src/index.js';

type Asked =
  | { readonly what: 'open'; readonly options: OpenStoreOptions }
  | { readonly what: 'look' | 'fill' | 'close' | 'past-death' }
  | { readonly what: 'change'; readonly change: StoreChange }
  | { readonly what: 'drive'; readonly action: 'put' | 'get'; readonly depth: number; readonly durationMs: number };

export type HostOrder = Asked & { readonly id: number };
export type HostOrderWithoutId = Asked;

export interface HostReply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}
