/**
 * What the server calls itself in HELLO and INFO. Client libraries look at `redis_version` to decide what they may send,
 * so INFO states the release whose command forms this door follows.
 */
import { readFileSync } from 'node:fs';

export const SERVER_NAME = 'kvorum';
/** The release of Redis whose forms of commands and replies are followed. */
export const REDIS_VERSION = '7.0.0';
/** The version of this package, from its package.json. */
export const SERVER_VERSION = readVersion();

function readVersion(): string {
  const text = readFileSync(new URL(import.meta.resolve('kvorum/package.json')), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
