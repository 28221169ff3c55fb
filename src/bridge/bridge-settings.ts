/** What must hold of a bridge's settings before it opens a socket. */
import type { StoreError } from '../core/errors.js';
import { invalidOption } from '../core/option-check.js';
import { isLoopback, isRange, parseEndpoint } from './host-address.js';
import type { BridgeSettings } from './types.js';

/** @throws StoreError KV_INVALID_OPTION */
export function checkSettings({ self, listen, seeds, known, secret, tls }: BridgeSettings): void {
  if (!isRange(self))
    throw invalidOption('self', `nodes ${self.first} to ${self.first + self.room} are no range of a host`);
  if (secret === '') throw invalidOption('secret', 'the secret is empty');
  const isOpen = secret === undefined && tls === undefined;
  if (isOpen && !isLoopback(listen.host)) throw beyond('listen', listen.host);
  for (const address of [self.address, ...seeds, ...known.map((host) => host.address)]) {
    const endpoint = parseEndpoint(address);
    if (endpoint === undefined) throw invalidOption('seeds', `'${address}' is not address:port`);
    if (isOpen && !isLoopback(endpoint.host)) throw beyond('seeds', address);
  }
}

const beyond = (option: string, address: string): StoreError =>
  invalidOption(option, `${address} can be reached from other machines: give a secret or certificates`);
