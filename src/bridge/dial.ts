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
  /** It never opened. `isNobody`: for certain nobody listens there at present; otherwise somebody may, out of reach. */
  readonly onFailed: (reason: RefusalReason | 'unreachable', text: string, isNobody: boolean) => void;
}

/** The machine at the address says that nobody listens, or the name is known to be none. */
const NOBODY: readonly unknown[] = ['ECONNREFUSED', 'ENOTFOUND'];
/** This machine has no way to such addresses, as where a name has one of IPv6 too: says nothing of who is there. */
const NO_WAY: readonly unknown[] = ['ENETUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT'];

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
  const fail = (reason: RefusalReason | 'unreachable', text: string, isNobody = false): void => {
    settle();
    socket.destroy();
    handlers.onFailed(reason, text, isNobody);
  };
  const onError = (error: NodeJS.ErrnoException): void => {
    if (isCertificateError(error)) fail('certificate', error.message);
    else
      fail(
        'unreachable',
        errorsOf(error)
          .map(({ message }) => message)
          .join('; '),
        isNobodyThere(error),
      );
  };
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

/** One for each address that a name stands for. */
const errorsOf = (error: NodeJS.ErrnoException): readonly NodeJS.ErrnoException[] =>
  error instanceof AggregateError ? error.errors : [error];

/** Exported for its test. */
export function isNobodyThere(error: NodeJS.ErrnoException): boolean {
  const codes = errorsOf(error).map(({ code }) => code);
  const telling = codes.filter((code) => !NO_WAY.includes(code));
  return telling.length > 0 && telling.every((code) => NOBODY.includes(code));
}
