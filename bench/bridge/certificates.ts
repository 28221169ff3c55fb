/** Certificates for a few hosts by the openssl program, for measurements and tests of TLS. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OpenStoreOptions } from '../../src/index.js';

/** The TLS options of each host; undefined where there is no openssl. */
export function makeCertificates(
  folder: string,
  hosts: readonly string[],
): ((host: string) => OpenStoreOptions) | undefined {
  mkdirSync(folder, { recursive: true });
  const at = (name: string): string => join(folder, name);
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { stdio: 'ignore', cwd: folder });
  try {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=bench', '-days', '2');
    for (const host of hosts) {
      writeFileSync(at(`${host}.ext`), `subjectAltName=DNS:${host}\n`);
      openssl('req', ...key, '-keyout', `${host}.key`, '-out', `${host}.csr`, '-subj', `/CN=${host}`);
      const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', `${host}.ext`];
      openssl('x509', '-req', '-in', `${host}.csr`, '-out', `${host}.pem`, ...signed);
    }
  } catch {
    return undefined;
  }
  return (host) => ({ tlsCa: at('ca.pem'), tlsCert: at(`${host}.pem`), tlsKey: at(`${host}.key`) });
}
