/**
 * What one seed's run consists of: the cluster, the quorums, the load and the limits of its faults, drawn from the seed
 * unless an option fixes them.
 */
import { DurabilityCode } from '../protocol/outcome.js';
import type { Random } from './random.js';

/** What a run may fix instead of drawing it from its seed. */
export interface PlanOptions {
  readonly nodes?: number;
  readonly hosts?: number;
  readonly n?: number;
  readonly w?: number;
  readonly r?: number;
  /** Calls of each client. */
  readonly calls?: number;
  /** Faults of a run at most. */
  readonly faultsMax?: number;
  /** Whether the ring changes. */
  readonly moves?: boolean;
  /** Whether channels are held up. */
  readonly holds?: boolean;
  /** Whether clients write keys again without waiting. */
  readonly pipelines?: boolean;
  /** Whether logs are damaged in their middle. */
  readonly damages?: boolean;
  /** Nothing fails but the network, and nodes that are slow. */
  readonly calm?: boolean;
  /** Between two rounds of anti-entropy, and between two looks for what may be forgotten. */
  readonly antiEntropyMs?: number;
  readonly collectionMs?: number;
  /** Whether disks may lose more than the guarantee covers; then only false answers are looked for. */
  readonly beyond?: boolean;
}

export type FaultGroup = 'network' | 'delay' | 'node' | 'disk' | 'clock' | 'members' | 'channel' | 'log';

export interface Plan {
  readonly nodes: number;
  readonly nodesPerHost: number;
  /** Zone of each host. */
  readonly zones: readonly string[];
  /** Nodes that may join. */
  readonly spares: number;
  readonly n: number;
  readonly w: number;
  readonly r: number;
  readonly partitions: number;
  readonly clients: number;
  /** Keys that any client writes, with and without contexts. */
  readonly shared: readonly string[];
  /** Keys that one client writes and all read monotonically, with their writers. */
  readonly registers: ReadonlyMap<string, number>;
  readonly calls: number;
  readonly faultsMax: number;
  /** What faults befall. */
  readonly groups: readonly FaultGroup[];
  readonly deadlineMs: number;
  /** Pauses between calls, and between faults, are this many times as long. */
  readonly pace: number;
  readonly durabilities: readonly DurabilityCode[];
  readonly delayMs: readonly [number, number];
  /** Share of the messages between hosts after which their connection breaks. */
  readonly glitches: number;
  /** The hosts' monotonic clocks at the start. */
  readonly startMs: number;
  /** Wall clocks are off by as much as this, and run as much too fast or slow. */
  readonly skewMs: number;
  readonly driftRate: number;
  readonly beyond: boolean;
  /** Share of the calls on shared keys under a sloppy quorum. */
  readonly sloppy: number;
  /** Bounds of a node's hints for each other. */
  readonly hints: { readonly hintBytesMax: number; readonly hintAgeMaxMs: number };
  /** Between two looks of a partition's owner for what may be forgotten. */
  readonly collectionMs: number;
  /**
   * Whether connections repeat what had arrived. Those of the bridge do not, and a collection counts on it: what was sent
   * before its barriers arrives before them, or never.
   */
  readonly repeats: boolean;
  /** Share of the writes of shared keys that expire. */
  readonly expiring: number;
  /** Share of the writes behind which the client sends more of the key without waiting. */
  readonly pipelined: number;
  /** Keys that all clients update, each adding something of its own. */
  readonly tallies: readonly string[];
  /** Longest time that a node which has left runs on for what it owes. */
  readonly leaverHintsMs: number;
  /** Between two rounds of anti-entropy; so rarely in some runs that none takes place. */
  readonly antiEntropyMs: number;
}

const SHAPES: readonly (readonly [n: number, w: number, r: number])[] = [
  [3, 2, 2],
  [3, 2, 2],
  [3, 2, 2],
  [3, 3, 1],
  [3, 1, 3],
  [3, 2, 3],
  [3, 1, 1],
  [1, 1, 1],
  [2, 2, 1],
  [5, 3, 3],
  [5, 4, 2],
];
const DURABILITIES: readonly (readonly DurabilityCode[])[] = [
  [DurabilityCode.interval],
  [DurabilityCode.none, DurabilityCode.interval],
  [DurabilityCode.sync],
  [DurabilityCode.none, DurabilityCode.interval, DurabilityCode.sync],
];
const DELAYS_MS = [
  [0.02, 2],
  [0.02, 2],
  [0.5, 20],
  [5, 80],
] as const;
const SHARED = ['apple', 'pear', 'a-longer-key-{tag}', 'plum{tag}'];
const REGISTERS = ['counter', 'flag{tag}', 'register'];
const TALLIES = ['tally', 'sum{tag}'];
const ALL_GROUPS: readonly FaultGroup[] = ['network', 'delay', 'node', 'disk', 'clock'];
const CALM_GROUPS: readonly FaultGroup[] = ['network', 'delay'];
const HOLDS = [false, false, true];
const PIPELINES = [false, false, true];
const DAMAGES = [false, false, true];
const DEADLINE_MS = 300;
export const NEVER_MS = 100_000_000;
const AMPLE_HINTS = { hintBytesMax: 1024 * 1024, hintAgeMaxMs: NEVER_MS };
const SCARCE_HINTS = { hintBytesMax: 120, hintAgeMaxMs: 3_000 };

export interface PlanRandom {
  readonly plan: Random;
  /** What came later, and shifts nothing else. */
  readonly lives: Random;
  readonly channels: Random;
  readonly pipelines: Random;
  readonly logs: Random;
}

export function drawPlan(streams: PlanRandom, options: PlanOptions = {}): Plan {
  const { plan: random, lives, channels, pipelines, logs } = streams;
  const [drawnN, drawnW, drawnR] = random.pick(SHAPES);
  const n = options.n ?? drawnN;
  const w = Math.min(n, options.w ?? drawnW);
  const r = Math.min(n, options.r ?? drawnR);
  const nodes = Math.max(n, options.nodes ?? n + random.below(4));
  const nodesPerHost = options.hosts === undefined ? 1 + random.below(3) : Math.ceil(nodes / options.hosts);
  const antiEntropyMs = pickUnless(options.antiEntropyMs, random, [2_000, NEVER_MS]);
  const clients = 2 + random.below(3);
  const pace = random.pick([1, 1, 10]);
  const spares = (options.moves ?? random.chance(0.35)) ? 1 + random.below(2) : 0;
  const isCalm = random.chance(0.2);
  const usual = (options.calm ?? isCalm) ? CALM_GROUPS : spares > 0 ? [...ALL_GROUPS, 'members' as const] : ALL_GROUPS;
  const held = pickUnless(options.holds, channels, HOLDS) ? [...usual, 'channel' as const] : usual;
  const isDamaged = pickUnless(options.damages, logs, DAMAGES) && usual.includes('disk');
  const groups = isDamaged ? [...held, 'log' as const] : held;
  const collectionMs = pickUnless(options.collectionMs, lives, [200, 1_000, NEVER_MS, NEVER_MS]);
  const zones = drawZones(lives, Math.ceil((nodes + spares) / nodesPerHost));
  return {
    nodes,
    nodesPerHost,
    zones,
    spares,
    n,
    w,
    r,
    partitions: random.pick([4, 8]),
    clients,
    shared: SHARED.slice(0, 1 + random.below(SHARED.length)),
    registers: new Map(
      REGISTERS.slice(0, random.below(REGISTERS.length + 1)).map((key) => [key, random.below(clients)]),
    ),
    calls: options.calls ?? 15 + random.below(30),
    faultsMax: options.faultsMax ?? (random.chance(0.1) ? 0 : Number.POSITIVE_INFINITY),
    groups,
    deadlineMs: DEADLINE_MS * (pace > 1 ? 3 : 1),
    pace,
    durabilities: random.pick(DURABILITIES),
    delayMs: random.pick(DELAYS_MS),
    glitches: random.chance(0.2) ? 0.1 : 0,
    // some runs cross the wrap of the hosts' clocks
    startMs: random.chance(0.3) ? 0x1_0000_0000 - random.below(1_500) : random.u32(),
    skewMs: random.pick([0, 20, 200]),
    driftRate: random.pick([0, 0.0005, 0.02]),
    beyond: options.beyond ?? random.chance(0.15),
    antiEntropyMs,
    sloppy: random.pick([0, 0.3, 1]),
    // what does not fit becomes a note, which needs anti-entropy
    hints: antiEntropyMs < NEVER_MS && random.chance(0.3) ? SCARCE_HINTS : AMPLE_HINTS,
    collectionMs,
    repeats: collectionMs >= NEVER_MS,
    expiring: lives.pick([0, 0.3]),
    pipelined: pickUnless(options.pipelines, pipelines, PIPELINES) ? 0.4 : 0,
    tallies: TALLIES.slice(0, lives.below(TALLIES.length + 1)),
    leaverHintsMs: lives.pick([0, 20_000]),
  };
}

/** Hosts in turn: in most runs all in one zone. */
function drawZones(random: Random, hosts: number): string[] {
  const count = random.chance(0.35) ? Math.min(hosts, 2 + random.below(2)) : 1;
  return Array.from({ length: hosts }, (_, host) => `zone-${host % count}`);
}

/** What is given; it is drawn all the same, so that it shifts nothing else. */
function pickUnless<Item>(given: Item | undefined, random: Random, items: readonly Item[]): Item {
  const drawn = random.pick(items);
  return given ?? drawn;
}
