/** The JSON of `KVORUM PLAN` and `KVORUM CHANGE`: a change of the ring, as the command line asks for it. */
import type { StoreChange } from '../client/types.js';
import { invalidOption } from '../core/option-check.js';
import type { FailureDomain } from '../core/options.js';
import { type Fields, objectOf, parse, wholeNumber } from './admin-json.js';

export interface ChangeOrder {
  readonly change: StoreChange;
  readonly force: boolean;
}

/** @throws StoreError KV_INVALID_OPTION */
export function changeFromJson(text: string | Uint8Array): ChangeOrder {
  const fields = objectOf(parse(text), [
    'kind',
    'nodes',
    'same',
    'hosts',
    'node',
    'weight',
    'count',
    'failureDomain',
    'host',
    'force',
  ]);
  const { force = false } = fields;
  if (typeof force !== 'boolean') throw invalidOption('force', '"force" must be true or false');
  return { change: changeOf(fields), force };
}

function changeOf(fields: Fields): StoreChange {
  switch (fields.kind) {
    case 'join':
      return {
        kind: 'join',
        ...(fields.count === undefined ? {} : { count: wholeNumber(fields, 'count', 1) }),
        ...(fields.weight === undefined ? {} : { weight: weightOf(fields) }),
      };
    case 'leave':
      if (fields.hosts === undefined) return { kind: 'leave', nodes: nodesOf(fields) };
      return {
        kind: 'leave',
        hosts: hostsOf(fields),
        ...(fields.nodes === undefined ? {} : { nodes: nodesOf(fields) }),
      };
    case 'replace':
      return { kind: 'replace', nodes: nodesOf(fields), ...(isSame(fields) && { same: true }) };
    case 'reweight':
      return { kind: 'reweight', node: wholeNumber(fields, 'node', 0), weight: weightOf(fields) };
    case 'failure-domain':
      return { kind: 'failure-domain', failureDomain: failureDomainOf(fields) };
    case 'abort':
      return { kind: 'abort' };
    case 'forget':
      if (typeof fields.host === 'string') return { kind: 'forget', host: fields.host };
      throw invalidOption('host', '"host" must be the id of a host');
    default:
      throw invalidOption('kind', '"kind" must be join, leave, replace, reweight, failure-domain, abort or forget');
  }
}

function isSame({ same = false }: Fields): boolean {
  if (typeof same === 'boolean') return same;
  throw invalidOption('same', '"same" must be true or false');
}

function weightOf({ weight }: Fields): number {
  if (typeof weight === 'number' && Number.isFinite(weight)) return weight;
  throw invalidOption('weight', '"weight" must be a number');
}

/** Which of them there are is the store's to say. */
function failureDomainOf({ failureDomain }: Fields): FailureDomain {
  if (typeof failureDomain === 'string') return failureDomain as FailureDomain;
  throw invalidOption('failureDomain', '"failureDomain" must be a string');
}

function hostsOf({ hosts }: Fields): string[] {
  if (Array.isArray(hosts) && hosts.length > 0 && hosts.every((host) => typeof host === 'string')) return hosts;
  throw invalidOption('hosts', '"hosts" must be a list of host ids');
}

function nodesOf({ nodes }: Fields): number[] {
  if (Array.isArray(nodes) && nodes.length > 0 && nodes.every((node) => Number.isSafeInteger(node))) return nodes;
  throw invalidOption('nodes', '"nodes" must be a list of node indices');
}
