/**
 * Who suspects a node, ascending and few: of all that ever reported only the foremost are kept, one of each host before
 * the second of any. What was cut was behind what stayed, so that the order of joins does not matter, and two hosts (or
 * two nodes, where there is one host) are still seen as two.
 */
import type { NodeIndex } from './ids.js';

export type Reporters = readonly NodeIndex[];
/** Names the process that runs a node, by the ring map. */
export type HostOf = (node: NodeIndex) => string;

/** Reporters of one node that are kept and told. */
export const REPORTERS_MAX = 4;

/** The join of two lists; `a` itself where `b` adds nothing. Commutative, associative, idempotent. */
export function joinReporters(a: Reporters, b: Reporters, hostOf: HostOf): Reporters {
  if (b.every((reporter) => a.includes(reporter))) return a;
  const all = [...new Set([...a, ...b])].sort((x, y) => x - y);
  return all.length <= REPORTERS_MAX ? all : foremost(all, hostOf);
}

function foremost(ascending: Reporters, hostOf: HostOf): Reporters {
  const seen = new Map<string, number>();
  const ranked = ascending.map((node) => {
    const host = hostOf(node);
    const place = seen.get(host) ?? 0;
    seen.set(host, place + 1);
    return { node, place };
  });
  ranked.sort((x, y) => x.place - y.place || x.node - y.node);
  const kept = ranked.slice(0, REPORTERS_MAX).map(({ node }) => node);
  return kept.sort((x, y) => x - y);
}
