/** Checks one option against its spec in the option table, and all of them together. */
import { StoreError } from './errors.js';
import type { OptionSpec, StoreOptions } from './options.js';

const BYTES_PER_NODE_MIN = 1024 * 1024;
const BYTES_PER_NODE_MAX = 4 * 1024 ** 3;

/**
 * Checks one option against its spec; numbers given as text (flags, environment) are the CLI's to parse first.
 * @throws StoreError KV_INVALID_OPTION
 */
export function checkOption(name: string, spec: OptionSpec, value: unknown): unknown {
  switch (spec.kind) {
    case 'integer':
    case 'bytes':
      return checkInteger(name, spec, value);
    case 'string':
      if (typeof value !== 'string' || value === '')
        throw invalidOption(name, `${name} must be a string that is not empty`);
      return value;
    case 'boolean':
      if (typeof value !== 'boolean') throw invalidOption(name, `${name} must be true or false`);
      return value;
    case 'choice':
      if (!spec.choices?.includes(value as string))
        throw invalidOption(name, `${name} must be one of ${spec.choices?.join(', ')}, not ${String(value)}`);
      return value;
    case 'weights':
      if (
        !Array.isArray(value) ||
        !value.every((weight) => typeof weight === 'number' && weight >= 0.1 && weight <= 100)
      ) {
        throw invalidOption(name, `${name} must be an array of numbers from 0.1 to 100, one for each node`);
      }
      return Object.freeze([...value]);
  }
}

function checkInteger(name: string, spec: OptionSpec, value: unknown): number {
  const { min = 0, max = Number.MAX_SAFE_INTEGER, unit = spec.kind === 'bytes' ? 'bytes' : undefined } = spec;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max) {
    throw invalidOption(
      name,
      `${name} must be a whole number from ${min} to ${max}${unit ? ` (${unit})` : ''}, not ${String(value)}`,
    );
  }
  return value;
}

/** Checks what no option shows alone. @throws StoreError KV_INVALID_OPTION */
export function checkTogether(options: StoreOptions): void {
  const { n, r, w, nodes, nodesMax, partitions, weights, memoryBytes } = options;
  if (r > n) throw invalidOption('r', `r (${r}) cannot exceed n (${n}): only n replicas of a key exist`);
  if (w > n) throw invalidOption('w', `w (${w}) cannot exceed n (${n}): only n replicas of a key exist`);
  if ((partitions & (partitions - 1)) !== 0)
    throw invalidOption('partitions', `partitions (${partitions}) must be a power of two`);
  if (weights.length !== nodes)
    throw invalidOption('weights', `weights names ${weights.length} nodes, the host has ${nodes}`);
  if (nodesMax < nodes) throw invalidOption('nodesMax', `nodesMax (${nodesMax}) is less than nodes (${nodes})`);
  const perNode = memoryBytes / nodes;
  if (perNode < BYTES_PER_NODE_MIN)
    throw invalidOption(
      'memoryBytes',
      `memoryBytes gives ${Math.floor(perNode)} bytes to a node; at least ${BYTES_PER_NODE_MIN} are needed`,
    );
  if (perNode < 32 * options.pairBytesMax) {
    throw invalidOption(
      'memoryBytes',
      `memoryBytes gives a node less than 32 pairs of pairBytesMax (${options.pairBytesMax})`,
    );
  }
  if (perNode > BYTES_PER_NODE_MAX)
    throw invalidOption('memoryBytes', `memoryBytes gives a node more than 4 GiB; use more nodes`);
}

/** The error of an option that cannot be. */
export function invalidOption(option: string, message: string): StoreError {
  return new StoreError('KV_INVALID_OPTION', message, { option });
}
