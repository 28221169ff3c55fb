/** Opens a socket to another host, through TLS where that is asked for. */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Endpoint } from './host-address.js';
import { HANDSHAKE_MS } from './limits.js';
import type { RefusalReason } from './refusal.js';
import { clientTls, isCertificateError } from './tls-identity.js';
import type { TlsSettings } from './types.js';

export interface DialHandlers {
  readonly onOpen: (socket: Socket) => void;
  /** It never opened. */
  readonly onFailed: (reason: RefusalReason | 'unreachable', text: string) => void;
}

/** Calls one of the handlers, unless the returned function is called first, which gives up. */
export function dial(endpoint: Endpoint, tls: TlsSettings | undefined, handlers: DialHandlers): () => void {
  const socket = tls === undefined ? connect(endpoint) : connectTls({ ...endpoint, ...clientTls(tls) });
  const settle = (): boolean => {
    clearTimeout(timer);
    socket.off(opened, onOpen);
    socket.off('error', onError);
    socket.off('close', onClose);
    socket.on('error', () => undefined);
    return true;
  };
  const onOpen = (): void => {
    if (settle()) handlers.onOpen(socket);
  };
  const fail = (reason: RefusalReason | 'unreachable', text: string): void => {
    settle();
    socket.destroy();
    handlers.onFailed(reason, text);
  };
  const onError = (error: NodeJS.ErrnoException): void =>
    fail(isCertificateError(error) ? 'certificate' : 'unreachable', error.message);
  const onClose = (): void => fail('unreachable', 'the connection ended');
  const timer = setTimeout(() => fail('timeout', 'nobody answered'), HANDSHAKE_MS);
  const opened = tls === undefined ? 'connect' : 'secureConnect';
  socket.once(opened, onOpen);
  socket.once('error', onError);
  socket.once('close', onClose);
  return () => {
    settle();
    socket.destroy();
  };
}
