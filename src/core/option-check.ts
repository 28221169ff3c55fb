/** Checks one option against its spec in the option table. */
import { StoreError } from './errors.js';
import type { OptionSpec } from './options.js';

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
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = spec;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max) {
    throw invalidOption(
      name,
      `${name} must be a whole number from ${min} to ${max}${spec.unit ? ` (${spec.unit})` : ''}, not ${String(value)}`,
    );
  }
  return value;
}

/** The error of an option that cannot be. */
export function invalidOption(option: string, message: string): StoreError {
  return new StoreError('KV_INVALID_OPTION', message, { option });
}
