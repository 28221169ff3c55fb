/** Whether a change of the ring is one by its shape, before anything is looked up: a slip of the pen must not change nothing. */
import { invalidOption } from '../core/option-check.js';
import { checkNames } from './call-options.js';
import type { ChangeOptions, PlanOptions, StoreChange } from './ring-types.js';

const FIELDS: Readonly<Record<StoreChange['kind'], readonly string[]>> = {
  join: ['count', 'weight'],
  leave: ['nodes', 'hosts'],
  replace: ['nodes', 'same'],
  reweight: ['node', 'weight'],
  'failure-domain': ['failureDomain'],
  abort: [],
  forget: ['host'],
};
const PLAN_NAMES = new Set(['force']);
const CHANGE_NAMES = new Set(['onProgress', 'wait', 'force']);

/** @throws StoreError KV_INVALID_OPTION */
export function checkPlan(wanted: StoreChange, options: PlanOptions): void {
  checkNames(options, PLAN_NAMES);
  checkShape(wanted, options.force);
}

/** @throws StoreError KV_INVALID_OPTION */
export function checkChange(wanted: StoreChange, options: ChangeOptions): void {
  checkNames(options, CHANGE_NAMES);
  const { wait = true, onProgress } = options;
  if (typeof wait !== 'boolean') throw invalidOption('wait', 'wait must be true or false');
  if (onProgress !== undefined && typeof onProgress !== 'function')
    throw invalidOption('onProgress', 'onProgress must be a function');
  checkShape(wanted, options.force);
}

function checkShape(wanted: StoreChange, force = false): void {
  if (typeof force !== 'boolean') throw invalidOption('force', 'force must be true or false');
  if (typeof wanted !== 'object' || wanted === null || !Object.hasOwn(FIELDS, wanted.kind))
    throw invalidOption('kind', 'a change is a join, leave, replace, reweight, failure-domain, abort or forget');
  const { kind } = wanted;
  checkNames(wanted, new Set(['kind', ...FIELDS[kind]]));
  if (kind === 'replace') checkNodes(wanted.nodes, 1);
  if (kind !== 'leave') return;
  const { nodes = [], hosts = [] } = wanted;
  if (!Array.isArray(hosts)) throw invalidOption('hosts', 'hosts must be a list of host ids');
  // by force those leave that are down
  checkNodes(nodes, force || hosts.length > 0 ? 0 : 1);
}

function checkNodes(nodes: readonly number[], least: number): void {
  if (Array.isArray(nodes) && nodes.length >= least) return;
  throw invalidOption('nodes', 'nodes must be a list of the numbers of nodes, not empty');
}
