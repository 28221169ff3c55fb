/** What the bridge is given, and what it calls: the host that owns it fills in both. */

import type { HostClaim } from '../core/host-claims.js';
import type { NodeMark, StorageMark } from '../core/storage-mark.js';
import type { HostAddress } from './host-address.js';
import type { Part } from './secret-proof.js';

export type { HostAddress } from './host-address.js';

/** Of a node, as its host tells it to others. */
export interface NodeStatus {
  readonly node: number;
  readonly up: boolean;
  /** It answers what it was asked, and should not be asked anything more. */
  readonly draining?: boolean;
  /** It may lack acknowledged writes, and does not count everywhere (core/doubt.ts). Not said by a host of an older version. */
  readonly doubtful?: boolean;
  readonly incarnation: number;
  /** How far its storage had come; of a node that is no longer running too. */
  readonly storage?: StorageMark;
}

/** What a host tells another of nodes. */
export interface NodesTold {
  /** Its own. */
  readonly nodes: readonly NodeStatus[];
  /** What it has seen of the storage of the other's. */
  readonly seen: readonly NodeMark[];
}

/** PEM texts. The certificate's common name, or one of its DNS names, is the host's id. */
export interface TlsSettings {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** Hosts that may connect; default: whoever has a certificate of that authority. */
  readonly allow?: readonly string[];
}

export interface VersionRange {
  readonly min: number;
  readonly max: number;
}

/** How two hosts make sure of each other; without secret and certificates only loopback addresses are used. */
export interface Credentials {
  readonly clusterName: string;
  readonly clockDriftMaxMs: number;
  readonly secret?: string;
  readonly tls?: TlsSettings;
  /** Protocol versions that this host speaks; default PROTOCOL_VERSIONS. */
  readonly versions?: VersionRange;
  /** How long a peer may take to say who it is; default HANDSHAKE_MS. */
  readonly handshakeMs?: number;
}

export interface BridgeSettings extends Credentials {
  /** Port 0 in its address stands for the one that the bridge listens at. */
  readonly self: HostAddress;
  readonly listen: { readonly host: string; readonly port: number };
  /** Addresses of hosts whose ids are not known. */
  readonly seeds: readonly string[];
  readonly known: readonly HostAddress[];
  readonly optionsHash: string;
  /** Tells two clusters of one name apart. */
  readonly clusterId?: string;
  /** See `Bridge.setClaims`. */
  readonly claims?: readonly HostClaim[];
  readonly idle?: readonly string[];
}

export interface BridgeHooks {
  /** The host's monotonic clock in milliseconds, as 32 bits. */
  nowMs(): number;
  /** What a peer is told of nodes. */
  nodes(peer: HostAddress): NodesTold;
  /** A message, its addresses and deadline translated, for a local mailbox; false: no room, refused. Valid until it returns. */
  deliver(words: Int32Array, at: number, bytes: number): boolean;
  /** Everything that came in one read has been delivered: mailboxes may be published, once. */
  onDelivered?(): void;
  /** Bytes that wait behind full local mailboxes: above a bound peers get no more credit. */
  waitingBytes(): number;
  /** Cluster options and ring, as plain data, for a host that asks, and may want a range of `room` nodes. */
  facts(asker: Pick<HostAddress, 'host' | 'room'>): unknown;
  onPeer(peer: HostAddress, state: 'up' | 'down', link: number, reason?: string): void;
  onPeerNodes(peer: HostAddress, told: NodesTold): void;
  /** Nothing has been heard of a connected peer for a while, or it is heard again. */
  onQuiet?(peer: HostAddress, isQuiet: boolean): void;
  /** All hosts known now, this one too. */
  onHosts(hosts: readonly HostAddress[]): void;
  /** A connection to this address, or from it where this host was the listener, came to nothing. */
  onRefused(address: string, reason: string, part: Part): void;
}
