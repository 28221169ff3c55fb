/**
 * The numbers of failure detection, and the two sets of them that `gossip` chooses from. Measured detection times, false
 * positives and traffic of each: docs/failure-detection.md.
 */
export interface GossipTuning {
  /**
   * Milliseconds between two heartbeats of a node, each told at once; 100 to 10,000. Shorter finds a death sooner, and
   * costs traffic and wake-ups in proportion. The same on all hosts: a slow node looks silent to quick ones.
   */
  readonly heartbeatMs: number;
  /**
   * Milliseconds of silence that make a suspect in a ring of up to four nodes; 3 to 60 heartbeats. One heartbeat is
   * added for each doubling of the ring. Shorter finds a death sooner, and takes a slow node for a dead one more often.
   */
  readonly suspicionMs: number;
  /** Others told at each heartbeat; 1 to 8. More make silence rarer (by a factor of e each), and cost as much traffic. */
  readonly fanout: number;
  /**
   * Entries that one message holds; 64 to 1,024. Together with `fanout` it bounds the traffic: about 8 bytes an entry.
   * A larger ring is told in parts, which stretches the suspicion time by the number of parts.
   */
  readonly entriesMax: number;
  /**
   * Milliseconds between two messages to nodes that are held for down; 1 heartbeat and up. They are how a healed
   * partition finds itself: shorter finds sooner, and spends more on the dead.
   */
  readonly probeMs: number;
}

export type GossipPreset = 'local' | 'lan';

export const GOSSIP_PRESETS: Readonly<Record<GossipPreset, GossipTuning>> = {
  /** One process: the end of a thread is known without it, no message is lost, and what it finds is a thread that hangs. */
  local: { heartbeatMs: 1_000, suspicionMs: 8_000, fanout: 2, entriesMax: 640, probeMs: 8_000 },
  /** Hosts of one network: silence is all that tells of a death, messages get lost, a host may be cut off. */
  lan: { heartbeatMs: 1_000, suspicionMs: 5_000, fanout: 3, entriesMax: 640, probeMs: 5_000 },
};
