/** The options that a store is opened with, from those that were given. */
import { didYouMean } from './nearest-name.js';
import { checkOption, checkTogether, invalidOption } from './option-check.js';
import { OPTION_SPECS, type OpenOptions, type StoreOptions } from './options.js';

/** What the machine is: handed in, so that this file stays pure. */
export interface Machine {
  readonly cores: number;
  readonly newHostId: () => string;
}

/**
 * Checks every option and fills in the defaults.
 * @throws StoreError KV_INVALID_OPTION for an unknown, ill-typed or out-of-range option; KV_FAILURE_DOMAINS for N
 *   above the nodes of a single host under failureDomain node.
 */
export function resolveOptions(given: OpenOptions, machine: Machine): StoreOptions {
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(OPTION_SPECS, name)) throw invalidOption(name, `unknown option '${name}'${hintFor(name)}`);
  }
  const named = given as Readonly<Record<string, unknown>>;
  const checked: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(OPTION_SPECS)) {
    const value = named[name] === undefined ? spec.default : named[name];
    if (value !== undefined) checked[name] = checkOption(name, spec, value);
  }
  const { nodes, nodesMax } = nodesOf(checked as OpenOptions, machine.cores);
  const n = (checked.n as number | undefined) ?? Math.min(3, nodes);
  const majority = Math.floor(n / 2) + 1;
  const weights = (checked.weights as readonly number[] | undefined) ?? new Array<number>(nodes).fill(1);
  const hostId = (checked.hostId as string | undefined) ?? machine.newHostId();
  const options = { r: majority, w: majority, ...checked, nodes, nodesMax, n, weights, hostId } as StoreOptions;
  checkTogether(options);
  return options;
}

function hintFor(name: string): string {
  return didYouMean(name, Object.keys(OPTION_SPECS)) || '; see the list of options in the README';
}

/** How many nodes a host has, and room for; the defaults go by its cores. */
export function nodesOf(given: OpenOptions, cores: number): { readonly nodes: number; readonly nodesMax: number } {
  const { nodes = Math.min(128, Math.max(3, cores)) } = given;
  return { nodes, nodesMax: given.nodesMax ?? Math.min(128, nodes + 5) };
}
