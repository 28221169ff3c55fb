/** The checks of the doctor: facts in, verdicts out. */
import test from 'ava';
import type { BridgeStats } from '../../../src/bridge/stats.js';
import { CHECKS, countOf, examine } from '../../../src/cli/doctor/checks.js';
import type { Facts, StoreFacts } from '../../../src/cli/doctor/facts.js';
import type { State } from '../../../src/cli/doctor/verdict.js';
import type { HostReport, MemberReport, NodeStats } from '../../../src/client/types.js';

const MiB = 2 ** 20;
const GiB = 2 ** 30;

function nodeStats(node: number, differing: Partial<NodeStats> = {}): NodeStats {
  const zeroes = {
    hotEntries: 0,
    hotBytes: 0,
    dirtyBytes: 0,
    logBytes: 0,
    baseEntries: 0,
    baseBytes: 0,
    keysAbout: 0,
    messages: 0,
    turns: 0,
    wakeUps: 0,
    missedWakeUps: 0,
    refusedSends: 0,
    actorRestarts: 0,
    flushes: 0,
    evictions: 0,
    logWrites: 0,
    logSyncs: 0,
    hints: 0,
    hintBytes: 0,
    notes: 0,
    hintsHandedOver: 0,
  };
  const repairs = {
    exchanges: 0,
    differing: 0,
    sent: 0,
    received: 0,
    waiting: 0,
    lastRoundMs: 0,
    inDoubt: 0,
    healed: 0,
    setAside: 0,
    setAsideBytes: 0,
    setAsideDropped: 0,
    verified: 0,
    treesDiffering: 0,
    collected: 0,
  };
  const about = { node, up: true, incarnation: 1, hotBytesMax: 64 * MiB, readOnly: false };
  return { ...zeroes, ...about, repairs, actorMessages: [], mailboxes: [], ...differing };
}

function member(node: number, differing: Partial<MemberReport> = {}): MemberReport {
  return { node, host: 'a', zone: 'z', weight: 1, state: 'up', reporters: [], incarnation: 1, ...differing };
}

function host(name: string, differing: Partial<HostReport> = {}): HostReport {
  return { host: name, zone: `zone-${name}`, machine: `m-${name}`, own: false, state: 'up', nodes: [9], ...differing };
}

interface Differing {
  readonly facts?: Partial<Facts>;
  readonly nodes?: readonly NodeStats[];
  readonly members?: readonly MemberReport[];
  readonly store?: Partial<StoreFacts>;
  readonly status?: Partial<StoreFacts['status']>;
}

/** A machine and a store of three nodes that are well, but for what differs. */
function factsOf({ facts, nodes, members = [0, 1, 2].map((node) => member(node)), store, status }: Differing): Facts {
  const stats = {
    nodes: nodes ?? [0, 1, 2].map((node) => nodeStats(node)),
    client: { inFlight: 0, sharedReads: 0, messageReads: 0, lostRaces: 0 },
  };
  const ring = { epoch: 1, partitions: 16, n: 3, failureDomain: 'node' as const, preferenceLists: [], nodes: [] };
  const about = {
    path: '/data',
    pid: 1,
    version: '1.0.0',
    nowMs: 1_000_000,
    count: 0,
    hosts: [host('a', { own: true, nodes: [0, 1, 2] })],
    ring,
    members,
    stats,
    ...status,
  };
  return {
    nodeVersion: '20.19.0',
    version: '1.0.0',
    nowMs: 1_000_000,
    memoryBytes: GiB,
    options: {},
    config: { file: 'kvorum.json', values: {} },
    secretMode: undefined,
    directory: {
      path: '/data',
      stamp: { format: 1, options: { nodes: 3, failureDomain: 'node' } },
      disk: { freeBytes: 100 * GiB, totalBytes: 200 * GiB, type: 0xef53 },
      damagedFiles: [],
    },
    store: { status: about, ring, isServed: true, openFilesMax: 65_536, ...store },
    trouble: undefined,
    ...facts,
  };
}

const WELL = factsOf({});
const WELL_STATS = (WELL.store as StoreFacts).status.stats;
const directory = (differing: object) => ({ facts: { directory: { ...WELL.directory, ...differing } } }) as Differing;
const disk = (differing: object) => directory({ disk: { ...WELL.directory?.disk, ...differing } });
const tmpfs = (durability: 'sync' | 'interval'): Differing => {
  const { facts } = disk({ type: 16_914_836 });
  return { facts: { ...facts, options: { durability } } };
};
const threeHosts = [host('a', { own: true }), host('b'), host('c')];
const sameZone = threeHosts.map((one) => ({ ...one, zone: 'z' }));
const sameMachine = sameZone.map((one) => ({ ...one, machine: 'm' }));
const repairs = nodeStats(0).repairs;

const TABLE: readonly (readonly [check: string, condition: string, differing: Differing, State, RegExp])[] = [
  ['node', 'a Node.js too old', { facts: { nodeVersion: '20.18.3' } }, 'fail', /20\.18\.3 is older than 20\.19/],
  ['node', 'a newer one', { facts: { nodeVersion: '22.1.0' } }, 'ok', /22\.1\.0/],
  ['version', 'a server of another version', { status: { version: '0.9.0' } }, 'warn', /1\.0\.0, .* is 0\.9\.0/],
  ['directory', 'none', directory({ disk: undefined }), 'fail', /no directory \/data/],
  ['directory', 'no store in it', directory({ stamp: undefined }), 'fail', /no store in \/data/],
  [
    'directory',
    'one that says nothing, and does not open',
    { facts: { ...directory({ stamp: undefined }).facts, trouble: 'KV_PATH: damaged' } },
    'fail',
    /^KV_PATH: damaged/,
  ],
  ['directory', 'a newer format', directory({ stamp: { format: 2, options: {} } }), 'fail', /has format 2.*upgrade/],
  ['directory', 'a store that does not open', { facts: { trouble: 'KV_CORRUPT: bad' } }, 'fail', /^KV_CORRUPT: bad/],
  ['options', 'one given otherwise', { facts: { options: { nodes: 5 } } }, 'fail', /nodes 5 \(made with 3\)/],
  ['options', 'the same, and others', { facts: { options: { nodes: 3, w: 1 } } }, 'ok', /those that/],
  ['secret', 'readable by others', { facts: { secretMode: 0o644 } }, 'warn', /kvorum\.json .*0644.*chmod 600/],
  ['secret', 'for the owner alone', { facts: { secretMode: 0o600 } }, 'ok', /0600/],
  ['file system', 'tmpfs and durability sync', tmpfs('sync'), 'fail', /tmpfs.*durability sync promises/],
  ['file system', 'tmpfs', tmpfs('interval'), 'warn', /tmpfs.*nothing of it outlives/],
  ['file system', 'NFS', disk({ type: 0x6969 }), 'warn', /another machine \(NFS\)/],
  ['disk', 'almost full', disk({ freeBytes: 10 * MiB }), 'fail', /10\.0 MiB free.*read-only/],
  ['disk', 'less than the logs may take', disk({ freeBytes: GiB }), 'warn', /may grow to 1\.5 GiB \(logBytesMax\)/],
  [
    'damage',
    'segments kept aside',
    directory({ damagedFiles: ['/data/a', '/data/b'] }),
    'warn',
    /2 damaged .*\/data\/a/,
  ],
  ['damage', 'none', {}, 'ok', /no node has found/],
  ['memory', 'more than there is', { facts: { memoryBytes: 100 * MiB } }, 'fail', /192\.0 MiB of 100\.0 MiB/],
  ['memory', 'almost all of it', { facts: { memoryBytes: 200 * MiB } }, 'warn', /little is left/],
  ['open files', 'too few', { store: { openFilesMax: 256 } }, 'fail', /256 open files: too few/],
  ['open files', 'fewer than connections', { store: { openFilesMax: 1_024 } }, 'warn', /1,024.*10,000 connections/],
  ['open files', 'no limit', { store: { openFilesMax: Number.POSITIVE_INFINITY } }, 'ok', /any number/],
  ['nodes', 'one down', { members: [member(0), member(1, { state: 'down' })] }, 'fail', /^node 1 of 2 down/],
  [
    'nodes',
    'two suspected',
    { members: [member(0), ...[1, 2].map((node) => member(node, { state: 'suspect', reporters: [0] }))] },
    'warn',
    /^nodes 1, 2 suspected to be down \(by 0\)/,
  ],
  [
    'hosts',
    'one of three down',
    { status: { hosts: threeHosts.with(1, host('b', { state: 'down' })) } },
    'fail',
    /^host b/,
  ],
  [
    'hosts',
    'one that has left, and is away',
    { status: { hosts: threeHosts.with(2, host('c', { state: 'down', nodes: [] })) } },
    'warn',
    /^no node in the ring, and not connected: c; .* kvorum forget c$/,
  ],
  [
    'hosts',
    'alone, and hosts of another cluster knock',
    { status: { stats: { ...WELL_STATS, bridge: { closed: { 'other-cluster': 2 } } as BridgeStats } } },
    'fail',
    /refused 2 times \(other-cluster\): .* empty its directory/,
  ],
  ['hosts', 'three connected', { status: { hosts: threeHosts } }, 'ok', /all 3 hosts/],
  [
    'hosts',
    'no member here',
    { status: { hosts: [host('a', { own: true, nodes: [] })] } },
    'fail',
    /^host a has not joined/,
  ],
  ['clock', 'behind by more than hosts may be', { status: { nowMs: 900_000 } }, 'fail', /100,000 ms behind/],
  ['clock', 'ahead by seconds', { status: { nowMs: 1_005_000 } }, 'warn', /5,000 ms ahead of this one: is NTP/],
  [
    'failure domain',
    'node, of three zones',
    { status: { hosts: threeHosts } },
    'warn',
    /3 zones .* failure-domain zone$/,
  ],
  [
    'failure domain',
    'node, of three machines',
    { status: { hosts: sameZone } },
    'warn',
    /3 machines .* failure-domain machine$/,
  ],
  [
    'failure domain',
    'node, of three hosts',
    { status: { hosts: sameMachine } },
    'warn',
    /3 hosts .* failure-domain host$/,
  ],
  ['failure domain', 'node, and one host', {}, 'ok', /different nodes/],
  [
    'read-only',
    'two nodes',
    { nodes: [0, 1].map((node) => nodeStats(node, { readOnly: true })) },
    'fail',
    /^nodes 0, 1/,
  ],
  [
    'replicas',
    'in doubt',
    { nodes: [nodeStats(2, { repairs: { ...repairs, inDoubt: 4 } })] },
    'warn',
    /^node 2 in doubt/,
  ],
  [
    'replicas',
    'set aside and given up',
    { nodes: [nodeStats(2, { repairs: { ...repairs, setAside: 4, setAsideDropped: 3 } })] },
    'warn',
    /4 records.*3 older/,
  ],
  [
    'replicas',
    'tree wrong',
    { nodes: [nodeStats(2, { repairs: { ...repairs, treesDiffering: 1 } })] },
    'warn',
    /node 2.*1 tree/,
  ],
  ['replicas', 'elsewhere', { members: [member(0), member(9, { counts: false })] }, 'warn', /^node 9 in doubt/],
  ['replicas', 'set aside', { nodes: [nodeStats(2, { repairs: { ...repairs, setAside: 4 } })] }, 'warn', /4 records/],
  ['hints', 'some', { nodes: [nodeStats(0, { hints: 7, hintBytes: 2_048 })] }, 'warn', /^7 hints \(2\.0 KiB\)/],
  ['hints', 'notes', { nodes: [nodeStats(0, { notes: 1 })] }, 'warn', /1 partition of others need kvorum repair/],
  ['wake-ups', 'missed', { nodes: [nodeStats(1, { missedWakeUps: 3 })] }, 'warn', /^node 1 missed 3 wake-ups.*report/],
  ['overload', 'refused messages', { nodes: [nodeStats(1, { refusedSends: 3 })] }, 'warn', /overloaded/],
  ['overload', 'actors restarted', { nodes: [nodeStats(1, { actorRestarts: 3 })] }, 'warn', /3 times: a bug/],
];

for (const [check, condition, differing, state, message] of TABLE) {
  test(`doctor, ${check}: ${condition} -> ${state}`, (t) => {
    const verdict = CHECKS[check](factsOf(differing));
    t.is(verdict?.state, state);
    t.regex(verdict?.message ?? '', message);
  });
}

test('doctor: all well -> every check ok, each in the table of checks', (t) => {
  const findings = examine(WELL);
  t.is(countOf(findings, 'ok'), findings.length);
  const silent = Object.keys(CHECKS).filter((name) => !findings.some(({ check }) => check === name));
  t.deepEqual(silent, ['secret', 'hosts']);
  t.deepEqual(
    Object.keys(CHECKS).filter((name) => !TABLE.some(([check]) => check === name)),
    [],
  );
});

test('doctor: a store elsewhere, or none -> no word on what cannot be seen', (t) => {
  const elsewhere = examine(factsOf({ facts: { directory: undefined }, store: { openFilesMax: undefined } }));
  const names = elsewhere.map(({ check }) => check);
  for (const name of ['directory', 'options', 'disk', 'damage', 'file system', 'open files'])
    t.false(names.includes(name), name);
  const none = examine(factsOf({ facts: { store: undefined } })).map(({ check }) => check);
  t.deepEqual(none, ['node', 'directory', 'options', 'file system', 'disk', 'damage', 'memory']);
});
