/** A client's call as a line of a trace: what it asks, and what it was told. */
import type { Call } from './calls.js';
import { showValues } from './messages.js';

export function describeCall(call: Call): string {
  const { kind, node, error, endMs } = call;
  const verb = call.kind === 'write' && call.order.tombstone === true ? 'delete' : kind;
  const key = call.kind === 'scan' ? '' : ` ${call.order.key}`;
  const value = call.kind === 'write' && verb === 'write' ? ` = ${call.order.value}` : '';
  const zones = call.kind === 'scan' || call.order.zones === undefined ? '' : ` ${JSON.stringify(call.order.zones)}`;
  const how = call.kind !== 'scan' && call.order.available === true ? ' (sloppy)' : '';
  const what = `${verb}${key}${value} by node ${node}${how}${zones}`;
  if (endMs === Number.POSITIVE_INFINITY) return `asks: ${what}`;
  if (error !== undefined) return `was told ${error}: ${what}`;
  if (call.kind === 'scan') return `was told: ${what}`;
  const replicas = call.fallbacks === 0 ? call.replicas : `${call.replicas} + ${call.fallbacks}`;
  if (call.kind === 'write') return `was told ${replicas} replicas: ${what}`;
  return `was told [${showValues(call.set)}] by ${replicas}: ${what}`;
}
