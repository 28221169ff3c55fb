/** What the driver of a cluster under test asks a host, and what it is told. */
import type { OpenStoreOptions, ReadOptions, StoreChange, WriteOptions } from '../../src/index.js';

export type Order =
  | { readonly id: number; readonly what: 'open'; readonly args: { readonly options: OpenStoreOptions } }
  | {
      readonly id: number;
      readonly what: 'put';
      readonly args: { readonly key: string; readonly value: string; readonly options?: WriteOptions };
    }
  | {
      readonly id: number;
      readonly what: 'delete';
      readonly args: { readonly key: string; readonly options?: WriteOptions };
    }
  | {
      readonly id: number;
      readonly what: 'get';
      readonly args: { readonly key: string; readonly options?: ReadOptions };
    }
  | { readonly id: number; readonly what: 'repair'; readonly args: { readonly dryRun: boolean } }
  | {
      readonly id: number;
      readonly what: 'change';
      readonly args: { readonly change: StoreChange; readonly force?: boolean };
    }
  | { readonly id: number; readonly what: 'look'; readonly args: Record<string, never> }
  | { readonly id: number; readonly what: 'close'; readonly args: Record<string, never> };

export interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
}

/** What `look` answers. */
export interface Look {
  readonly members: readonly { readonly node: number; readonly host: string; readonly state: string }[];
  readonly hosts: readonly { readonly host: string; readonly state: string; readonly nodes: readonly number[] }[];
  readonly epoch: number;
  readonly isMoving: boolean;
  /** Hints and notes of this host's nodes. */
  readonly hints: number;
  readonly rss: number;
}
