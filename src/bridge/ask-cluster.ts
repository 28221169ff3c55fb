/** Asks a host of a cluster for the options and the ring that all of its hosts agree on, before joining it. */
import { StoreError } from '../core/errors.js';
import { dial } from './dial.js';
import { type ClusterFacts, FactsReader } from './facts.js';
import { FrameType } from './frame.js';
import type { Frame } from './frame-decoder.js';
import { type FrameHandler, FrameSocket } from './frame-socket.js';
import { Greeter } from './greeter.js';
import { readRefusal } from './handshake.js';
import { isLoopback, parseEndpoint } from './host-address.js';
import { FACTS_MS } from './limits.js';
import { packedBody } from './plain-frame.js';
import { type RefusalReason, refused, violation } from './refusal.js';
import { Tally } from './stats.js';
import { certificateNames } from './tls-identity.js';
import type { Credentials } from './types.js';

export interface AskSettings extends Credentials {
  /** Id of the host that asks. */
  readonly host: string;
  /** Nodes that it wants a range for, which the cluster decides soon; it is in the facts of a later answer. Default: none. */
  readonly room?: number;
}

/**
 * The cluster that the host at `address` belongs to; `clusterName` may be empty where it is not known yet.
 * @throws StoreError KV_INVALID_OPTION, KV_PEER_REFUSED (details.reason says why), KV_PEER_UNREACHABLE (details.isNobody:
 *   for certain nobody listens there)
 */
export async function askCluster(address: string, settings: AskSettings): Promise<ClusterFacts> {
  const endpoint = parseEndpoint(address);
  if (endpoint === undefined) throw invalid(`'${address}' is not address:port`);
  const { secret, tls } = settings;
  if (secret === undefined && tls === undefined && !isLoopback(endpoint.host)) {
    throw invalid(`${address} is not on this machine: give a secret or certificates`);
  }
  const greeter = new Greeter({
    ...settings,
    self: { host: settings.host, address: '', first: 0, room: settings.room ?? 0, zone: '', machine: '' },
    optionsHash: '',
    purpose: 'ask',
    monotonicMs: () => performance.now() | 0,
  });
  return new Promise((resolve, reject) => {
    const onFailed = (reason: string, text: string, isNobody = false): void =>
      reject(failedBy(address, { reason, text, isNobody }));
    dial(endpoint, tls, {
      onFailed,
      onOpen: (socket) => {
        const link = new FrameSocket(socket, address, new Tally());
        greeter.greet(link, {
          part: 'dialer',
          names: certificateNames(socket),
          objection: () => undefined,
          onEnd: (end) => {
            if (end.kind === 'refused') onFailed(end.reason, end.text);
            else link.handler = new Listening(link, resolve, onFailed);
          },
        });
      },
    });
  });
}

/** Hears the facts, within the time that they may take. */
class Listening implements FrameHandler {
  readonly #link: FrameSocket;
  readonly #resolve: (facts: ClusterFacts) => void;
  readonly #reject: (reason: RefusalReason, text: string) => void;
  readonly #reader = new FactsReader();
  readonly #timer: NodeJS.Timeout;

  constructor(
    link: FrameSocket,
    resolve: (facts: ClusterFacts) => void,
    reject: (reason: RefusalReason, text: string) => void,
  ) {
    this.#link = link;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#timer = setTimeout(() => link.destroy('timeout', 'the facts took too long'), FACTS_MS);
  }

  onFrame(frame: Frame): void {
    if (frame.type === FrameType.refuse) this.#link.destroy('refused', readRefusal(packedBody(frame, frame.bodyBytes)));
    else if (frame.type !== FrameType.facts) throw violation('order', 'a frame that was not asked for');
    else {
      const facts = this.#reader.add(frame);
      if (facts === undefined) return;
      this.#resolve(facts);
      this.#link.destroy('closed', 'all is said');
    }
  }

  onIdle(): void {}

  onClosed(reason: RefusalReason, text: string): void {
    clearTimeout(this.#timer);
    this.#reject(reason, text);
  }
}

interface Failure {
  readonly reason: string;
  readonly text: string;
  readonly isNobody: boolean;
}

function failedBy(address: string, { reason, text, isNobody }: Failure): StoreError {
  const isSilent = reason === 'unreachable' || reason === 'timeout' || reason === 'closed' || reason === 'busy';
  if (!isSilent) return refused(address, reason === 'refused' ? text : reason);
  return new StoreError('KV_PEER_UNREACHABLE', `${address} does not answer: ${text}`, { address, reason, isNobody });
}

const invalid = (message: string): StoreError => new StoreError('KV_INVALID_OPTION', message, { option: 'seeds' });
