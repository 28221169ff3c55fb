/** The options of what a node does by itself, in the background, to keep what it holds right. */
import type { OptionSpec } from './option-spec.js';

export interface RepairOptions {
  /**
   * Time between rounds in which replicas compare all they hold. Shorter heals sooner and reads more. 100 to
   * 2000000000, ms; default: 600000.
   */
  readonly antiEntropyIntervalMs: number;
  /**
   * Time in which a node reads all it holds once, for damage. Shorter finds it sooner and reads more. 1000 to
   * 1200000000, ms; default: 604800000.
   */
  readonly verifyIntervalMs: number;
  /**
   * Time between looks for deleted and expired records that can be forgotten for good. 100 to 2000000000, ms;
   * default: 60000.
   */
  readonly collectionIntervalMs: number;
}

/** The longest ones fit into a node's clock of 32 bits: no round seems due that is not. */
export const REPAIR_OPTION_SPECS: Readonly<Record<keyof RepairOptions, OptionSpec>> = {
  antiEntropyIntervalMs: {
    scope: 'host',
    kind: 'integer',
    unit: 'ms',
    min: 100,
    max: 2_000_000_000,
    default: 600_000,
    meaning: 'Time between rounds in which replicas compare all they hold. Shorter heals sooner and reads more.',
  },
  verifyIntervalMs: {
    scope: 'host',
    kind: 'integer',
    unit: 'ms',
    min: 1_000,
    max: 1_200_000_000,
    default: 604_800_000,
    meaning: 'Time in which a node reads all it holds once, for damage. Shorter finds it sooner and reads more.',
  },
  collectionIntervalMs: {
    scope: 'host',
    kind: 'integer',
    unit: 'ms',
    min: 100,
    max: 2_000_000_000,
    default: 60_000,
    meaning: 'Time between looks for deleted and expired records that can be forgotten for good.',
  },
};
