/**
 * Numbers as people type and read them: `64m`, `1.5g`, `15m` (a time), `127.0.0.1:7379`, `1,234,567`. Sizes are powers
 * of 1,024, with or without a suffix; times always carry one, so that nobody has to guess seconds or milliseconds.
 */
import type { Quorum } from '../core/zone-quorum.js';
import { CliError } from './exit-codes.js';

const BYTE_UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };
const TIME_UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Where a server listens or a client connects: a TCP address or a Unix socket. */
export type Target = { readonly host: string; readonly port: number } | { readonly socketPath: string };

/** Bytes from `4096`, `64k`, `64m`, `1.5g`, `2GiB`. @throws CliError KV_USAGE */
export function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(text.trim());
  if (!match) throw new CliError('KV_USAGE', `'${text}' is not a size: give bytes, or a number with k, m, g or t`);
  return Math.round(Number(match[1]) * (BYTE_UNITS[(match[2] ?? '').toLowerCase()] ?? 1));
}

/** Milliseconds from `500ms`, `30s`, `15m`, `12h`, `7d`. @throws CliError KV_USAGE */
export function parseDurationMs(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/i.exec(text.trim());
  const ms = match ? Math.round(Number(match[1]) * (TIME_UNITS_MS[(match[2] ?? '').toLowerCase()] ?? 1)) : 0;
  if (ms < 1) throw new CliError('KV_USAGE', `'${text}' is not a time: give a number with ms, s, m, h or d, like 30s`);
  return ms;
}

/** What a parser of this file makes of the text after a flag; its complaint names the flag. @throws CliError KV_USAGE */
export function parseFlag<Result>(flag: string, text: unknown, parse: (text: string) => Result): Result {
  try {
    return parse(String(text));
  } catch (thrown) {
    if (!(thrown instanceof CliError)) throw thrown;
    throw new CliError(thrown.code, `${flag}: ${thrown.message}`, { flag }, thrown);
  }
}

/** A whole number within bounds. @throws CliError KV_USAGE */
export function parseCount(text: string, { min = 0, max = Number.MAX_SAFE_INTEGER } = {}): number {
  const count = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (count >= min && count <= max) return count;
  const range = max === Number.MAX_SAFE_INTEGER ? `of ${min} or more` : `from ${min} to ${max}`;
  throw new CliError('KV_USAGE', `'${text}' is not a whole number ${range}`);
}

/** `2`, `local:2`, `local-quorum`, `each-quorum`. @throws CliError KV_USAGE */
export function parseQuorum(text: string): Quorum {
  if (text === 'local-quorum' || text === 'each-quorum') return text;
  const match = /^(local:)?([1-9]\d*)$/.exec(text.trim());
  if (!match) {
    throw new CliError(
      'KV_USAGE',
      `'${text}' is no quorum: give a number from 1, local:NUMBER, local-quorum or each-quorum`,
    );
  }
  return match[1] === undefined ? Number(match[2]) : { local: Number(match[2]) };
}

/** `HOST:PORT`, `[::1]:PORT`, `PORT`, or the path of a Unix socket (it has a `/`). @throws CliError KV_USAGE */
export function parseTarget(text: string, defaultHost = '127.0.0.1'): Target {
  if (text.includes('/')) return { socketPath: text };
  const match = /^(?:(?:\[([^\]]+)\]|([^:[\]]*)):)?(\d{1,5})$/.exec(text.trim());
  const port = Number(match?.[3] ?? Number.NaN);
  if (!match || !(port <= 65_535)) {
    throw new CliError('KV_USAGE', `'${text}' is not an address: give HOST:PORT, [IPv6]:PORT, PORT or a socket path`);
  }
  return { host: match[1] ?? (match[2] || defaultHost), port };
}

/** The inverse of parseTarget. */
export function formatTarget(target: Target): string {
  if ('socketPath' in target) return target.socketPath;
  return target.host.includes(':') ? `[${target.host}]:${target.port}` : `${target.host}:${target.port}`;
}

/** `1,234,567`. */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}

/** `1 pair`, `1,234 pairs`. */
export function formatNumber(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${Math.round(count) === 1 ? '' : 's'}`;
}

/** `640 B`, `1.5 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const step = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10));
  const scaled = bytes / 1024 ** step;
  return `${step === 0 ? scaled : scaled.toFixed(1)} ${units[step]}`;
}

/** `850 ns`, `12.5 µs`, `3.1 ms`, `2.4 s`. */
export function formatNanoseconds(ns: number): string {
  if (ns < 1_000) return `${Math.round(ns)} ns`;
  if (ns < 1_000_000) return `${(ns / 1_000).toFixed(1)} µs`;
  if (ns < 1_000_000_000) return `${(ns / 1_000_000).toFixed(1)} ms`;
  return `${(ns / 1_000_000_000).toFixed(1)} s`;
}
