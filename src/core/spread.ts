/**
 * How many replicas of one partition a group of nodes may hold: one in a failure domain, always; and in a host, a machine
 * or a zone above it no more than an even spread puts there, unless the group's weight is more than that.
 *
 *   limit of a group = max(ceil(N / number of groups), ceil(fair replicas of the group / Q))
 *
 * Groups nest, so a placement of fair shares within all limits exists: fair replicas over Q, the same for each partition, is
 * a fractional one, and the constraints are those of a flow. What a partition may hold is a laminar matroid: a list within
 * the limits can always be completed.
 */
import type { FailureDomain } from './options.js';
import { domainOf, type Member } from './ring.js';

/** Groups of nodes at one level. */
export interface Level {
  /** Group of each position. */
  readonly groups: readonly number[];
  /** Most replicas of a partition in each group. */
  readonly limits: readonly number[];
}

const LEVELS: readonly FailureDomain[] = ['node', 'host', 'machine', 'zone'];

/** Groups of each member by position: at the failure domain's level, then at each level above it. */
export function groupsOf(members: readonly Member[], failureDomain: FailureDomain): number[][] {
  const levels = LEVELS.slice(LEVELS.indexOf(failureDomain));
  return levels.map((level) => numberNames(members.map((member) => domainOf(member, level))));
}

/** The failure domains alone: what holds without exception. */
export function domainsOf(groups: readonly (readonly number[])[]): Level {
  return { groups: groups[0], limits: new Array<number>(countOf(groups[0])).fill(1) };
}

/** The levels that bind, finest first. `fair`: replicas that each position should hold. */
export function levelsOf(
  groups: readonly (readonly number[])[],
  fair: readonly number[],
  partitions: number,
  n: number,
): Level[] {
  const domains = domainsOf(groups);
  const replicas = Math.min(n, domains.limits.length);
  const levels = [domains];
  for (const level of groups.slice(1)) {
    const limits = limitsOf(level, fair, partitions, replicas);
    if (isBinding(level, limits, domains.groups, replicas)) levels.push({ groups: level, limits });
  }
  return levels.filter((level, at) => !levels.slice(at + 1).some((above) => isImplied(level, above)));
}

/** Whether the first `seats` of a list, without that of `leaving`, leave room for this position. Hot: no allocation. */
export function hasRoom(
  levels: readonly Level[],
  list: readonly number[],
  leaving: number,
  position: number,
  seats = list.length,
): boolean {
  for (let at = 0; at < levels.length; at++) {
    const { groups, limits } = levels[at];
    const group = groups[position];
    let left = limits[group];
    for (let seat = 0; seat < seats; seat++) {
      const other = list[seat];
      if (groups[other] === group && other !== leaving && --left === 0) return false;
    }
  }
  return true;
}

/** Shares are sums of fractions: a whole number may come out a little above itself. */
const SLACK = 1e-6;

function limitsOf(groups: readonly number[], fair: readonly number[], partitions: number, n: number): number[] {
  const count = countOf(groups);
  const shares = new Array<number>(count).fill(0);
  groups.forEach((group, position) => {
    shares[group] += fair[position];
  });
  return shares.map((share) => Math.max(Math.ceil(n / count), Math.ceil(share / partitions - SLACK)));
}

/** False where the failure domains and N alone keep every group within its limit. */
function isBinding(
  groups: readonly number[],
  limits: readonly number[],
  domains: readonly number[],
  n: number,
): boolean {
  const within = limits.map(() => new Set<number>());
  groups.forEach((group, position) => {
    within[group].add(domains[position]);
  });
  return limits.some((limit, group) => Math.min(n, within[group].size) > limit);
}

/** Whether whoever keeps within the limits of the level above keeps within these. */
function isImplied(level: Level, above: Level): boolean {
  const parents = new Map<number, number>();
  return level.groups.every((group, position) => {
    const parent = above.groups[position];
    if (!parents.has(group)) parents.set(group, parent);
    return parents.get(group) === parent && above.limits[parent] <= level.limits[group];
  });
}

const countOf = (groups: readonly number[]): number => groups.reduce((most, group) => Math.max(most, group + 1), 0);

function numberNames(names: readonly string[]): number[] {
  const numbers = new Map<string, number>();
  return names.map((name) => {
    if (!numbers.has(name)) numbers.set(name, numbers.size);
    return numbers.get(name) as number;
  });
}
