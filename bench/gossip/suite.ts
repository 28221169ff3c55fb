/**
 * The gossip suite: how soon failure detection finds a death, how often it is wrong, and what it costs, by the number of
 * nodes, the tuning and the share of lost messages. Times are virtual, so neither the machine nor its load matters.
 */
import { GOSSIP_PRESETS, type GossipPreset } from '../../src/core/gossip-tuning.js';
import { figure, type Result } from '../harness/report.js';
import type { Death } from './death-watch.js';
import { type Health, observeDeaths, observeHealth, type TrialOptions } from './trials.js';

export interface GossipScale {
  readonly nodes: number;
  /** Virtual seconds of all nodes together in which nobody dies. */
  readonly nodeSeconds: number;
  readonly deaths: number;
}

export interface GossipSuiteOptions {
  readonly gossip: readonly GossipScale[];
  readonly wants: (id: string) => boolean;
  readonly progress: (line: string) => void;
}

const SEED = 1;
const LOSSES: Readonly<Record<GossipPreset, readonly number[]>> = { local: [0], lan: [0, 0.01, 0.05] };
/** A process holds up to so many nodes: the most that the local tuning is for. */
const LOCAL_NODES_MAX = 128;
const BYTES_PER_NODE_SECOND_MAX = 20_000;
const HEADINGS = [
  'nodes',
  'tuning',
  'loss',
  'first avoids it',
  'all avoid it',
  'all call it down',
  'false suspicions',
  'false downs',
  'with pauses',
  'messages',
  'bytes',
  'largest',
  'cpu µs',
];

/** Runs the wanted trials; a line of a Markdown table goes to `progress` for each. */
export function runGossipSuite({ gossip, wants, progress }: GossipSuiteOptions): Result[] {
  const results: Result[] = [];
  progress(row(HEADINGS));
  progress(row(HEADINGS.map(() => '---')));
  for (const scale of gossip) {
    for (const [preset, losses] of Object.entries(LOSSES) as [GossipPreset, readonly number[]][]) {
      if (preset === 'local' && scale.nodes > LOCAL_NODES_MAX) continue;
      for (const loss of losses) {
        const id = `gossip.${scale.nodes}.${preset}.loss-${loss * 100}`;
        if (wants(id)) results.push(...measure(id, preset, loss, scale, progress));
      }
    }
  }
  return results;
}

function measure(
  id: string,
  preset: GossipPreset,
  loss: number,
  { nodes, nodeSeconds, deaths: count }: GossipScale,
  progress: (line: string) => void,
): Result[] {
  const trial: TrialOptions = { seed: SEED, nodes, tuning: GOSSIP_PRESETS[preset], loss };
  const seconds = Math.ceil(nodeSeconds / nodes);
  const health = observeHealth(trial, seconds, false);
  const lagging = observeHealth(trial, seconds, true);
  const deaths = observeDeaths(trial, count);
  progress(row([String(nodes), preset, `${loss * 100} %`, ...describe(deaths, health, lagging)]));
  const about = (name: string, ours: number, unit: string): Result => figure(`${id}.${name}`, ours, unit);
  const traffic = about('traffic', health.bytesPerNodeSecond, 'bytes/node/s');
  return [
    about('avoided', quantile(deaths, 'allAvoidMs', 0.5) / 1_000, 's'),
    about('down', quantile(deaths, 'allCallItDownMs', 0.5) / 1_000, 's'),
    about('false-suspicions', health.falseSuspicionsPerNodeHour, 'per node-hour'),
    about('false-downs', health.falseDownsPerNodeHour, 'per node-hour'),
    { ...traffic, bound: BYTES_PER_NODE_SECOND_MAX, held: traffic.ours <= BYTES_PER_NODE_SECOND_MAX },
  ];
}

function describe(deaths: readonly Death[], health: Health, lagging: Health): string[] {
  const times = (name: keyof Death) =>
    [0.5, 0.99].map((share) => (quantile(deaths, name, share) / 1_000).toFixed(1)).join(' / ');
  return [
    times('firstAvoidsMs'),
    times('allAvoidMs'),
    times('allCallItDownMs'),
    rate(health.falseSuspicionsPerNodeHour),
    rate(health.falseDownsPerNodeHour),
    `${rate(lagging.falseSuspicionsPerNodeHour)} / ${rate(lagging.falseDownsPerNodeHour)}`,
    health.messagesPerNodeSecond.toFixed(1),
    health.bytesPerNodeSecond.toFixed(0),
    health.messageBytesMax.toFixed(0),
    health.cpuMicrosPerNodeSecond.toFixed(0),
  ];
}

function quantile(deaths: readonly Death[], name: keyof Death, share: number): number {
  const sorted = deaths.map((death) => death[name]).sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

const rate = (perHour: number) => (perHour === 0 ? '0' : perHour.toPrecision(2));
const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
