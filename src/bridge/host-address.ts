/** Addresses of hosts: their texts, their ranges of nodes, and whether plain data from a peer is one. */
import { isIP } from 'node:net';
import { RANGE_ALIGN } from '../core/host-claims.js';
import { NODE_COUNT_MAX } from '../core/ids.js';
import type { NodeRange } from '../runtime/post-office.js';
import { TEXT_BYTES_MAX } from './limits.js';

/** A host as others reach it: where it listens, and the range of node indices that are its. */
export interface HostAddress {
  readonly host: string;
  /** `address:port`, or `[address]:port`. */
  readonly address: string;
  readonly first: number;
  readonly room: number;
  readonly zone: string;
  readonly machine: string;
}

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** `address:port` or `[address]:port`; undefined where it is neither. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const colon = text.lastIndexOf(':');
  const port = /^\d{1,5}$/.test(text.slice(colon + 1)) ? Number(text.slice(colon + 1)) : -1;
  const host = text.slice(0, Math.max(colon, 0)).replace(/^\[(.*)\]$/, '$1');
  if (host === '' || port < 0 || port > 65_535) return undefined;
  if (host.includes(':') && isIP(host) !== 6) return undefined;
  return { host, port };
}

export const formatEndpoint = ({ host, port }: Endpoint): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/** Whether nobody outside of this machine is reached there. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost' || host === '::1') return true;
  return isIP(host) === 4 && host.startsWith('127.');
}

export const isRange = ({ first, room }: NodeRange): boolean =>
  Number.isInteger(first) &&
  Number.isInteger(room) &&
  first >= 0 &&
  room >= 1 &&
  first % RANGE_ALIGN === 0 &&
  first + room <= NODE_COUNT_MAX;

export const holds = ({ first, room }: NodeRange, node: number): boolean => node >= first && node < first + room;

export const isText = (value: unknown, bytesMin = 1): value is string =>
  typeof value === 'string' && value.length >= bytesMin && Buffer.byteLength(value) <= TEXT_BYTES_MAX;

/** Plain data as a host's address, with nothing else in it; undefined where it is none. */
export function readHostAddress(value: unknown): HostAddress | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { host, address, first, room, zone, machine } = value as Record<string, unknown>;
  if (!isText(host) || !isText(address) || !isText(zone, 0) || !isText(machine, 0)) return undefined;
  if (parseEndpoint(address) === undefined) return undefined;
  const range = { first: Number(first), room: Number(room) };
  return isRange(range) ? { host, address, ...range, zone, machine } : undefined;
}
