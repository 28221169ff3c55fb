/** The options of a host that is one of several: how it meets the others, and how they know each other. */
import type { OptionSpec } from './option-spec.js';

/** All absent: a store of one host. */
export interface BridgeOptions {
  /**
   * HOST:PORT at which other hosts reach this one. Other than loopback only with a secret or TLS. Default: none: a
   * store of one host.
   */
  readonly listen?: string;
  /**
   * HOST:PORT that other hosts are told to connect to, where it is not the address listened at. Default: as listen.
   */
  readonly advertise?: string;
  /**
   * HOST:PORT of some hosts of the cluster, by commas. A new directory joins it; the host whose own address comes
   * first begins it, where nobody runs at the others. Default: none: a new directory begins a cluster.
   */
  readonly seeds?: string;
  /**
   * At least 16 characters that all hosts share: each proves that it knows them. It does not encrypt. Default: none.
   */
  readonly secret?: string;
  /**
   * File of the certificate authority (PEM) that signs the hosts’ certificates; turns on mutual TLS 1.3. Default:
   * none.
   */
  readonly tlsCa?: string;
  /** File of this host’s certificate (PEM); its common name is the hostId. Default: none. */
  readonly tlsCert?: string;
  /** File of the private key (PEM) that belongs to tlsCert. Default: none. */
  readonly tlsKey?: string;
}

export const BRIDGE_OPTION_SPECS: Readonly<Record<keyof BridgeOptions, OptionSpec>> = {
  listen: {
    scope: 'host',
    kind: 'string',
    defaultText: 'none: a store of one host',
    meaning: 'HOST:PORT at which other hosts reach this one. Other than loopback only with a secret or TLS.',
  },
  advertise: {
    scope: 'host',
    kind: 'string',
    defaultText: 'as listen',
    meaning: 'HOST:PORT that other hosts are told to connect to, where it is not the address listened at.',
  },
  seeds: {
    scope: 'host',
    kind: 'string',
    defaultText: 'none: a new directory begins a cluster',
    meaning:
      'HOST:PORT of some hosts of the cluster, by commas. A new directory joins it; the host whose own address comes first begins it, where nobody runs at the others.',
  },
  secret: {
    scope: 'host',
    kind: 'string',
    defaultText: 'none',
    meaning: 'At least 16 characters that all hosts share: each proves that it knows them. It does not encrypt.',
  },
  tlsCa: {
    scope: 'host',
    kind: 'string',
    defaultText: 'none',
    meaning: 'File of the certificate authority (PEM) that signs the hosts’ certificates; turns on mutual TLS 1.3.',
  },
  tlsCert: {
    scope: 'host',
    kind: 'string',
    defaultText: 'none',
    meaning: 'File of this host’s certificate (PEM); its common name is the hostId.',
  },
  tlsKey: {
    scope: 'host',
    kind: 'string',
    defaultText: 'none',
    meaning: 'File of the private key (PEM) that belongs to tlsCert.',
  },
};
