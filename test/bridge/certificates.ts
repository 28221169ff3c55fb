/** Certificates made by the `openssl` program, which may be missing: Node.js itself makes none. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TlsSettings } from '../../src/bridge/types.js';

export const HAS_OPENSSL = (() => {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

const openssl = (...args: string[]) => promisify(execFile)('openssl', args);
const newKey = (path: string): string[] => [
  '-newkey',
  'ec',
  '-pkeyopt',
  'ec_paramgen_curve:prime256v1',
  '-nodes',
  '-keyout',
  path,
];

export interface CertificateOptions {
  readonly commonName: string;
  /** A DNS name beside it. */
  readonly dns?: string;
  /** It was valid, long ago. */
  readonly isExpired?: boolean;
}

/** An authority in a folder of its own. */
export class Authority {
  readonly #folder: string;
  ca = '';

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async make(): Promise<Authority> {
    const authority = new Authority(await mkdtemp(join(tmpdir(), 'kvorum-ca-')));
    const [key, cert] = [authority.#path('ca.key'), authority.#path('ca.crt')];
    await openssl('req', '-x509', ...newKey(key), '-out', cert, '-days', '2', '-subj', '/CN=authority');
    authority.ca = await readFile(cert, 'utf8');
    return authority;
  }

  remove(): Promise<void> {
    return rm(this.#folder, { recursive: true, force: true });
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }

  /** Settings of a host that has a certificate of this authority. */
  async issue({ commonName, dns, isExpired = false }: CertificateOptions): Promise<TlsSettings> {
    const [key, request, cert] = ['key', 'csr', 'crt'].map((kind) => this.#path(`${commonName}.${kind}`));
    await openssl('req', '-new', ...newKey(key), '-out', request, '-subj', `/CN=${commonName}`);
    const extensions = this.#path(`${commonName}.ext`);
    await writeFile(extensions, dns === undefined ? 'basicConstraints=CA:FALSE\n' : `subjectAltName=DNS:${dns}\n`);
    const signed = [
      '-CA',
      this.#path('ca.crt'),
      '-CAkey',
      this.#path('ca.key'),
      '-CAcreateserial',
      '-extfile',
      extensions,
    ];
    // a validity of minus one day has ended before it began
    await openssl('x509', '-req', '-in', request, '-out', cert, '-days', isExpired ? '-1' : '2', ...signed);
    return { ca: this.ca, cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') };
  }
}
