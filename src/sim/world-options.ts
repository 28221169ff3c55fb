/** What a simulated world is made of. */
import type { FailureDomain } from '../core/options.js';
import type { Quorums } from '../core/ring-change.js';
import type { ClientFaults } from './client-faults.js';
import type { ConnectionEvent } from './connection.js';
import type { HintBounds, SimNode, StorageFaults, Wrap } from './sim-node.js';

export interface WorldOptions {
  readonly seed: number;
  readonly nodes: number;
  readonly n: number;
  readonly clients?: number;
  readonly partitions?: number;
  /** Nodes that are no members and do not run, until they are started to join. */
  readonly spares?: number;
  /** The smallest R and W of requests; majorities where left out. */
  readonly quorums?: Quorums;
  readonly siblingsMax?: number;
  readonly hints?: HintBounds;
  readonly antiEntropyMs?: number;
  readonly collectionMs?: number;
  /** Nodes of one process; 1 puts each in a process of its own. */
  readonly nodesPerHost?: number;
  /** Zone of each host; one zone where left out. */
  readonly zones?: readonly string[];
  readonly failureDomain?: FailureDomain;
  /** Delay of a message between hosts. */
  readonly delayMs?: readonly [number, number];
  readonly laneBytesMax?: number;
  /** Whether connections repeat what the ones before them had delivered; they do where left out. */
  readonly repeats?: boolean;
  /** Share of the messages between hosts after which their connection breaks. */
  readonly glitches?: number;
  /** The hosts' monotonic clocks when the world begins. */
  readonly startMs?: number;
  readonly wrap?: Wrap;
  readonly onCommit?: (node: SimNode, words: Int32Array<ArrayBuffer>, sequence: number) => void;
  /** A message arrived out of the order of its connection. */
  readonly onDisorder?: (from: number, to: number) => void;
  readonly onConnection?: (event: ConnectionEvent) => void;
  readonly faults?: StorageFaults;
  readonly clientFaults?: ClientFaults;
  /** Keep lines for people. */
  readonly keepsLines?: boolean;
}
