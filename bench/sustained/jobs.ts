/**
 * The sustained measurements as jobs that run in a process of their own: memory is counted per process, and what the
 * bench did before must not count; and a store is only reopened from its log if its process died.
 */
import type { OpenOptions } from '../../src/core/options.js';
import type { FillSample } from './fill.js';

export interface Job {
  readonly kind: 'fill' | 'hot-entries';
  readonly open: OpenOptions;
  readonly pairs: number;
  /** Stay alive after the work, so that the parent can kill a store that is open. */
  readonly stay: boolean;
}

/** What a child sends: samples on the way, then one `done` or `failed`. */
export type JobMessage =
  | { readonly type: 'sample'; readonly sample: FillSample }
  | { readonly type: 'done'; readonly outcome: JobOutcome }
  | { readonly type: 'failed'; readonly message: string };

export interface JobOutcome {
  readonly seconds: number;
  readonly refused: number;
  readonly residentPeakBytes: number;
  /** Of all nodes, at the end. */
  readonly logBytes: number;
  readonly dirtyBytes: number;
  readonly hotEntries: number;
  readonly hotBytes: number;
}
