/**
 * The trials of failure detection, each over a world of gossip agents under a virtual clock: agents in health, agents that
 * are held up now and then, and agents that die. Every trial has its seed, so that a figure can be had again.
 */
import type { GossipTuning } from '../../src/core/gossip-tuning.js';
import { type Death, DeathWatch } from './death-watch.js';

export interface TrialOptions {
  readonly seed: number;
  readonly nodes: number;
  readonly tuning: GossipTuning;
  /** Share of the messages that are lost. */
  readonly loss: number;
}

export interface Health {
  readonly falseSuspicionsPerNodeHour: number;
  readonly falseDownsPerNodeHour: number;
  readonly messagesPerNodeSecond: number;
  readonly bytesPerNodeSecond: number;
  readonly messageBytesMax: number;
  /** Processor time of everything, the simulator included. */
  readonly cpuMicrosPerNodeSecond: number;
}

const WARM_UP_MS = 20_000;
/** Heartbeats of a cluster that has run for twelve days. */
const HEARTBEAT = 2 ** 20;
const DEATH_MS_MAX = 300_000;
/** Share of the agents that die together. */
const WAVE_SHARE = 1 / 50;
const PAUSE_EVERY_MS = 60_000;
const PAUSE_MS: readonly [number, number] = [1_000, 4_000];

/** `seconds` of virtual time in which nobody dies; with `isLagging`, each agent stands still now and then for 1 to 4 s. */
export function observeHealth(options: TrialOptions, seconds: number, isLagging: boolean): Health {
  const watch = new DeathWatch({ ...options, heartbeat: HEARTBEAT });
  const { world } = watch;
  world.runFor(WARM_UP_MS);
  const before = { ...watch, ...trafficOf(watch) };
  const cpuBefore = process.cpuUsage();
  if (isLagging) holdUp(watch);
  world.runFor(seconds * 1_000);
  const { user, system } = process.cpuUsage(cpuBefore);
  const after = trafficOf(watch);
  const nodeSeconds = options.nodes * seconds;
  const perHour = (count: number) => (count * 3_600) / nodeSeconds;
  return {
    falseSuspicionsPerNodeHour: perHour(watch.falseSuspicions - before.falseSuspicions),
    falseDownsPerNodeHour: perHour(watch.falseDowns - before.falseDowns),
    messagesPerNodeSecond: (after.messages - before.messages) / nodeSeconds,
    bytesPerNodeSecond: (after.bytes - before.bytes) / nodeSeconds,
    messageBytesMax: Math.max(...world.agents.map(({ sentBytesMax }) => sentBytesMax)),
    cpuMicrosPerNodeSecond: (user + system) / nodeSeconds,
  };
}

function trafficOf({ world: { agents } }: DeathWatch) {
  const sum = (pick: (agent: (typeof agents)[number]) => number) =>
    agents.reduce((total, each) => total + pick(each), 0);
  return { messages: sum((agent) => agent.sentMessages), bytes: sum((agent) => agent.sentBytes) };
}

/** Has every agent stand still for a while, again and again, at times of its own. */
function holdUp({ world }: DeathWatch): void {
  for (const agent of world.agents) {
    const next = (atMs: number) =>
      world.schedule(atMs, () => {
        world.pause(agent, world.random.between(...PAUSE_MS));
        next(world.nowMs + world.random.between(0.5, 1.5) * PAUSE_EVERY_MS);
      });
    next(world.nowMs + world.random.between(0, PAUSE_EVERY_MS));
  }
}

/** At least `count` deaths in waves; the dead of a wave start again when all have noticed. Throws when somebody does not. */
export function observeDeaths(options: TrialOptions, count: number): readonly Death[] {
  const watch = new DeathWatch({ ...options, heartbeat: HEARTBEAT });
  const { world } = watch;
  const { heartbeatMs } = options.tuning;
  const deaths: Death[] = [];
  world.runFor(WARM_UP_MS);
  while (deaths.length < count) {
    const victims = world.random.shuffled(world.agents).slice(0, Math.max(1, Math.floor(options.nodes * WAVE_SHARE)));
    const wave: Death[] = [];
    for (const agent of victims) {
      world.schedule(world.nowMs + world.random.between(0, heartbeatMs), () => void wave.push(watch.kill(agent)));
    }
    const isNoticed = () => wave.length === victims.length && wave.every((death) => death.allCallItDownMs > 0);
    if (!world.runUntil(isNoticed, DEATH_MS_MAX)) throw new Error(`a death among ${options.nodes} was not noticed`);
    deaths.push(...wave);
    for (const agent of victims) watch.restart(agent);
    world.runFor(WARM_UP_MS);
  }
  return deaths;
}
