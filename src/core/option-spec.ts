/** How one option of a store is described, for its check, its flag, its help and its row in the README. */
export interface OptionSpec {
  readonly scope: 'cluster' | 'host';
  readonly kind: 'integer' | 'bytes' | 'string' | 'choice' | 'boolean' | 'weights';
  readonly unit?: string;
  readonly min?: number;
  readonly max?: number;
  readonly choices?: readonly string[];
  /** The default, or undefined where it is computed (`defaultText` then says how). */
  readonly default?: number | string | boolean;
  readonly defaultText?: string;
  readonly meaning: string;
}
