/**
 * TLS 1.3 with a certificate on either side, which names the host's id in its subject's common name or in a DNS name. What
 * host a peer is, its certificate says, not the address that it was dialed at.
 */

import type { Socket } from 'node:net';
import { type ConnectionOptions, type PeerCertificate, TLSSocket, type TlsOptions } from 'node:tls';
import type { TlsSettings } from './types.js';

const VERSION = { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' } as const;

export const serverTls = ({ ca, cert, key }: TlsSettings): TlsOptions => ({
  ...VERSION,
  ca,
  cert,
  key,
  requestCert: true,
  // the listener looks at `isAuthorized`, and so can tell the peer why it is refused
  rejectUnauthorized: false,
});

export const clientTls = ({ ca, cert, key }: TlsSettings): ConnectionOptions => ({
  ...VERSION,
  ca,
  cert,
  key,
  rejectUnauthorized: true,
  // the greeting compares the certificate with the id that the peer gives
  checkServerIdentity: () => undefined,
});

/** Whether the peer has a certificate of the authority, valid now; always, without TLS. */
export const isAuthorized = (socket: Socket): boolean => !(socket instanceof TLSSocket) || socket.authorized;

/** Ids that the peer's certificate names; undefined for a connection without TLS. */
export function certificateNames(socket: Socket): readonly string[] | undefined {
  return socket instanceof TLSSocket ? namesOf(socket.getPeerCertificate()) : undefined;
}

/** Common names and DNS names of a certificate. */
export function namesOf({ subject, subjectaltname }: Partial<PeerCertificate>): string[] {
  const common = [(subject?.CN as string | string[] | undefined) ?? []].flat();
  const alternatives = (subjectaltname ?? '').split(', ').flatMap((name) => /^DNS:([^"]+)$/.exec(name)?.[1] ?? []);
  return [...common, ...alternatives];
}

/** Whether an error of a connection is about certificates. */
export const isCertificateError = ({ code = '' }: NodeJS.ErrnoException): boolean =>
  /^ERR_(?:SSL|TLS)|CERT|SIGNATURE|ISSUER/.test(code);
