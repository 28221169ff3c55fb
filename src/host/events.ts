/** What a node's thread tells its host, through a port of its own. */
import type { WireError } from '../core/errors.js';
import type { NodeState } from '../core/membership.js';
import type { RingState } from '../core/ring-state.js';
import type { BaseDamage } from '../storage/base-damage.js';
import type { LogDamage } from '../storage/log-damage.js';

export type NodeEvent =
  | { readonly type: 'actor-restarted'; readonly role: string; readonly instance: number; readonly error: string }
  | { readonly type: 'storage-error'; readonly error: WireError }
  | { readonly type: 'overloaded'; readonly what: string }
  | {
      readonly type: 'liveness';
      readonly about: number;
      readonly state: NodeState;
      readonly reporters: readonly number[];
    }
  | { readonly type: 'writes-may-be-lost'; readonly partitions: number }
  | { readonly type: 'tree-differs'; readonly partition: number }
  | { readonly type: 'log-cut'; readonly segment: string; readonly bytes: number }
  | ({ readonly type: 'log-damaged' } & LogDamage)
  | ({ readonly type: 'base-damaged' } & BaseDamage)
  | { readonly type: 'ring'; readonly ring: RingState }
  | { readonly type: 'fatal'; readonly error: WireError };
