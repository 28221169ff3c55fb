/**
 * Every option of a store, once: meaning, unit, range, default and trade-off. The CLI's flags and help, the README's
 * table and the validation at `open` come from this table. Cluster options must be the same on every host and are
 * stamped in the data directory; host options may differ and change between openings.
 */
import { BRIDGE_OPTION_SPECS } from './bridge-options.js';
import { GOSSIP_PRESETS } from './gossip-tuning.js';
import type { OptionSpec } from './option-spec.js';
import type { StoreOptions } from './option-types.js';
import { REPAIR_OPTION_SPECS } from './repair-options.js';

export type { OptionSpec } from './option-spec.js';

export type { ClusterOptions, Durability, FailureDomain, HostOptions, Mode, StoreOptions } from './option-types.js';

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;

/** The table. Order is the order of the help and of the README. */
export const OPTION_SPECS: Readonly<Record<keyof StoreOptions, OptionSpec>> = {
  path: {
    scope: 'host',
    kind: 'string',
    default: './kvorum-data',
    meaning: 'Data directory; made if missing. One process at a time.',
  },
  nodes: {
    scope: 'host',
    kind: 'integer',
    min: 1,
    max: 128,
    defaultText: '3 or the number of cores, whichever is larger, at most 128',
    meaning: 'Worker threads that hold data. More nodes use more cores and survive more losses.',
  },
  nodesMax: {
    scope: 'host',
    kind: 'integer',
    min: 1,
    max: 128,
    defaultText: '5 more than nodes, at most 128',
    meaning: 'Most nodes of this host, those that join later included. Room costs address space, not memory.',
  },
  n: {
    scope: 'cluster',
    kind: 'integer',
    min: 1,
    max: 9,
    defaultText: '3, or the number of nodes if smaller',
    meaning: 'Replicas of each key, each in another failure domain.',
  },
  r: {
    scope: 'cluster',
    kind: 'integer',
    min: 1,
    max: 9,
    defaultText: 'a majority of n',
    meaning: 'Replicas that must answer a read. R+W>N reads every acknowledged write.',
  },
  w: {
    scope: 'cluster',
    kind: 'integer',
    min: 1,
    max: 9,
    defaultText: 'a majority of n',
    meaning: 'Replicas that must confirm a write. Smaller is faster and survives more losses; larger is safer.',
  },
  partitions: {
    scope: 'cluster',
    kind: 'integer',
    unit: 'a power of two',
    min: 8,
    max: 4096,
    default: 256,
    meaning: 'Arcs of the ring, fixed at creation. More balance better over many nodes, and cost memory each.',
  },
  failureDomain: {
    scope: 'cluster',
    kind: 'choice',
    choices: ['node', 'host', 'machine', 'zone'],
    default: 'node',
    meaning: 'What must differ between two replicas of a key.',
  },
  mode: {
    scope: 'host',
    kind: 'choice',
    choices: ['strict', 'available'],
    default: 'strict',
    meaning:
      'What counts towards R and W: the key’s N primaries, or also nodes that stand in for those that are down or suspected.',
  },
  durability: {
    scope: 'host',
    kind: 'choice',
    choices: ['sync', 'interval', 'none'],
    default: 'interval',
    meaning:
      'When a replica confirms a write: after fdatasync; after the log write, synced every syncIntervalMs (a process crash loses nothing); the same, never synced.',
  },
  memoryBytes: {
    scope: 'host',
    kind: 'bytes',
    min: 4 * MiB,
    max: 512 * GiB,
    default: 256 * MiB,
    meaning:
      'Shared memory for hot data over the first nodes of the host (at most 4 GiB a node; one that joins later takes as much as each of them). Data beyond it lives on disk.',
  },
  pairBytesMax: {
    scope: 'cluster',
    kind: 'bytes',
    min: 64,
    max: MiB,
    default: 10_240,
    meaning: 'Most bytes of a key and its value together.',
  },
  siblingsMax: {
    scope: 'cluster',
    kind: 'integer',
    min: 1,
    max: 256,
    default: 32,
    meaning: 'Most concurrent values of a key that a client write may leave; repair is never refused.',
  },
  deadlineMs: {
    scope: 'host',
    kind: 'integer',
    unit: 'ms',
    min: 1,
    max: 3_600_000,
    default: 5_000,
    meaning: 'Time a request may take before it fails with KV_DEADLINE_EXCEEDED.',
  },
  syncIntervalMs: {
    scope: 'host',
    kind: 'integer',
    unit: 'ms',
    min: 1,
    max: 60_000,
    default: 100,
    meaning: 'Time between fdatasyncs under durability interval: what a machine crash can lose on one node.',
  },
  ...REPAIR_OPTION_SPECS,
  logBytesMax: {
    scope: 'host',
    kind: 'bytes',
    min: 4 * MiB,
    max: 64 * GiB,
    default: 512 * MiB,
    meaning: 'Most bytes of commit log per node; writes wait, then are refused, until the base table caught up.',
  },
  mapBytesMax: {
    scope: 'host',
    kind: 'bytes',
    min: 16 * MiB,
    max: 16_384 * GiB,
    default: 1024 * GiB,
    meaning: 'Most bytes of base table per node (address space, not disk, is taken ahead).',
  },
  compression: {
    scope: 'host',
    kind: 'boolean',
    default: false,
    meaning: 'Compress values in the base table (LZ4). Saves disk, costs processor time on cold reads.',
  },
  inFlightMax: {
    scope: 'host',
    kind: 'integer',
    min: 16,
    max: 65_535,
    default: 16_384,
    meaning: 'Requests in flight per thread; the next one is refused with KV_OVERLOADED.',
  },
  handlesMax: {
    scope: 'host',
    kind: 'integer',
    min: 0,
    max: 64,
    default: 16,
    meaning: 'Other threads that may attach at the same time.',
  },
  clusterName: {
    scope: 'cluster',
    kind: 'string',
    default: 'kvorum',
    meaning: 'Name that every host of the cluster states; a directory of another name is refused.',
  },
  hostId: {
    scope: 'host',
    kind: 'string',
    defaultText: 'made at creation and kept in the data directory',
    meaning: 'Identity of this process among the hosts.',
  },
  zone: {
    scope: 'host',
    kind: 'string',
    default: 'zone-1',
    meaning: 'Label of the data centre or rack, for failureDomain zone.',
  },
  weights: {
    scope: 'host',
    kind: 'weights',
    defaultText: '1 for each node',
    meaning: 'Relative share of the data per node, one number of 0.1 to 100 each.',
  },
  clockDriftMaxMs: {
    scope: 'host',
    kind: 'integer',
    unit: 'ms',
    min: 1,
    max: 3_600_000,
    default: 60_000,
    meaning: 'How far a caller’s hybrid clock may run ahead of this host before its write is refused.',
  },
  gossip: {
    scope: 'host',
    kind: 'choice',
    choices: Object.keys(GOSSIP_PRESETS),
    default: 'local',
    meaning: 'How soon silence makes a suspect: local is for threads of one process, lan for several hosts.',
  },
  hintBytesMax: {
    scope: 'host',
    kind: 'bytes',
    min: 0,
    max: 16 * GiB,
    default: 64 * MiB,
    meaning: 'Most bytes of hints for another node that misses writes; beyond it, a note: repair is due.',
  },
  hintAgeMaxMs: {
    scope: 'host',
    kind: 'integer',
    unit: 'ms',
    min: 1_000,
    max: 2_592_000_000,
    default: 86_400_000,
    meaning: 'How long a hint is kept for a node that does not come back, before it becomes such a note.',
  },
  ...BRIDGE_OPTION_SPECS,
};

/** What `open` takes: any of the options, the rest by default. `resolve` is checked by the client, it is no data. */
export type OpenOptions = { readonly [Name in keyof StoreOptions]?: StoreOptions[Name] };
