/**
 * Certificates for development: an authority of one's own and a certificate for each host, whose common name and DNS name
 * are the host's id, as mutual TLS between hosts wants them. Node.js makes the keys; certificates it cannot make, so
 * the `openssl` program does.
 */
import { execFile } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { makeDirectory } from '../host/data-directory.js';
import { CliError } from './exit-codes.js';
import { withTemporary } from './temporary.js';

export interface HostFiles {
  readonly host: string;
  readonly certificate: string;
  readonly key: string;
}

export interface CertificateFiles {
  readonly authority: string;
  /** Whether the authority is a new one. */
  readonly made: boolean;
  readonly hosts: readonly HostFiles[];
}

/** Letters that a DNS name and a subject take as they are. */
const HOST_ID = /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,61}[A-Za-z0-9])?$/;
/** An authority outlives the certificates that it signs by this factor. */
const AUTHORITY_LIVES = 10;
const AUTHORITY_NAME = 'kvorum development authority';

/**
 * Makes what is missing: the authority where the folder has none, and a certificate and a key for each host.
 * @throws CliError KV_USAGE for a host id that no certificate can name; KV_INPUT where openssl is missing or fails, or a
 *   host has a key already
 */
export async function makeCertificates(
  folder: string,
  hosts: readonly string[],
  days: number,
): Promise<CertificateFiles> {
  const wanted = [...new Set(hosts)].map((host) => filesOf(folder, checkedId(host)));
  await openssl(['version']);
  makeDirectory(folder);
  const taken = wanted.find(({ key, certificate }) => existsSync(key) || existsSync(certificate));
  if (taken !== undefined) {
    throw new CliError('KV_INPUT', `${taken.host} has files in ${folder} already; remove them to have new ones`, {
      host: taken.host,
    });
  }
  const authority = { certificate: join(folder, 'ca.pem'), key: join(folder, 'ca.key') };
  const made = !existsSync(authority.key);
  const scratch = join(folder, `.${process.pid}.tmp`);
  await withTemporary(scratch, async () => {
    await mkdir(scratch, { mode: 0o700 });
    if (made) await makeAuthority(authority, scratch, days * AUTHORITY_LIVES);
    for (const host of wanted) await makeHost(host, authority, scratch, days);
  });
  return { authority: authority.certificate, made, hosts: wanted };
}

function filesOf(folder: string, host: string): HostFiles {
  return { host, certificate: join(folder, `${host}.pem`), key: join(folder, `${host}.key`) };
}

function checkedId(host: string): string {
  if (HOST_ID.test(host) && host !== 'ca') return host;
  const message = `'${host}' cannot be a host id in a certificate: 1 to 63 letters, digits, dots and hyphens, and not 'ca'`;
  throw new CliError('KV_USAGE', message, { host });
}

interface KeyAndCertificate {
  readonly certificate: string;
  readonly key: string;
}

async function makeAuthority({ certificate, key }: KeyAndCertificate, scratch: string, days: number): Promise<void> {
  await writeKey(key);
  const config = join(scratch, 'ca.cnf');
  const extensions = ['basicConstraints=critical,CA:true,pathlen:0', 'keyUsage=critical,keyCertSign,cRLSign'];
  await writeFile(config, configText(AUTHORITY_NAME, [...extensions, 'subjectKeyIdentifier=hash']));
  await openssl([
    'req',
    '-x509',
    '-new',
    '-sha256',
    '-days',
    days,
    '-key',
    key,
    '-config',
    config,
    '-out',
    certificate,
  ]);
}

async function makeHost(
  { host, certificate, key }: HostFiles,
  authority: KeyAndCertificate,
  scratch: string,
  days: number,
): Promise<void> {
  await writeKey(key);
  const config = join(scratch, 'host.cnf');
  const request = join(scratch, 'host.csr');
  const extensions = [
    'basicConstraints=critical,CA:false',
    'keyUsage=critical,digitalSignature',
    'extendedKeyUsage=serverAuth,clientAuth',
    `subjectAltName=DNS:${host}`,
  ];
  await writeFile(config, configText(host, extensions));
  await openssl(['req', '-new', '-sha256', '-key', key, '-config', config, '-out', request]);
  const by = ['-CA', authority.certificate, '-CAkey', authority.key, '-set_serial', `0x${randomSerial()}`];
  const what = ['-extfile', config, '-extensions', 'extensions', '-days', days, '-sha256'];
  await openssl(['x509', '-req', '-in', request, ...by, ...what, '-out', certificate]);
}

/** A key of P-256, which only its owner may read. */
async function writeKey(path: string): Promise<void> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await writeFile(path, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600, flag: 'wx' });
}

function configText(commonName: string, extensions: readonly string[]): string {
  const request = ['[req]', 'prompt=no', 'distinguished_name=subject', 'x509_extensions=extensions'];
  return [...request, '[subject]', `CN=${commonName}`, '[extensions]', ...extensions, ''].join('\n');
}

/** 127 random bits: positive, and unlike any other. */
function randomSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0] & 0x7f) | 0x40;
  return bytes.toString('hex');
}

async function openssl(args: readonly (string | number)[]): Promise<void> {
  try {
    await promisify(execFile)('openssl', args.map(String));
  } catch (thrown) {
    const { code, stderr } = thrown as { readonly code?: string | number; readonly stderr?: string };
    if (code === 'ENOENT') {
      const message =
        'the openssl program is not on the PATH; install OpenSSL, or have your own authority make certificates ' +
        'whose common name and DNS name are the host id';
      throw new CliError('KV_INPUT', message, {}, thrown);
    }
    throw new CliError('KV_INPUT', `openssl ${args[0]} failed: ${stderr?.trim() ?? String(thrown)}`, {}, thrown);
  }
}
