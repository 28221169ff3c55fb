/**
 * What one node's gossip agent believes of every node, in words that any thread of its host may read at any time. Each
 * word stands for itself: a reader may meet one of this moment beside one of the last.
 *
 *   a node:  0 heartbeat   1 state (0: never heard of)   2 silent: 1 while this node has waited for its heartbeat in vain
 *            3 how many reporters follow   4..7 the first reporters
 */
import type { NodeIndex } from '../core/ids.js';
import type { Liveness, NodeState } from '../core/membership.js';

const enum View {
  heartbeat = 0,
  state = 1,
  silent = 2,
  reporterCount = 3,
  reporters = 4,
  words = 8,
}

const STATES: readonly (NodeState | undefined)[] = [undefined, 'up', 'suspect', 'down'];

export class LivenessView {
  readonly #words: Int32Array;

  /** Over the memory of one view: `bytesFor` the nodes of the ring, zeroed once. */
  constructor(words: Int32Array) {
    this.#words = words;
  }

  /** Memory of a view of this many nodes. */
  static bytesFor(nodes: number): number {
    return nodes * View.words * 4;
  }

  /** Writes down an entry of the agent's table; nodes beyond the memory are left out. */
  put({ node, heartbeat, state, reporters }: Liveness, isSilent: boolean): void {
    const at = node * View.words;
    if (at >= this.#words.length) return;
    const count = Math.min(reporters.length, View.words - View.reporters);
    this.#words[at + View.heartbeat] = heartbeat;
    this.#words[at + View.state] = STATES.indexOf(state);
    this.#words[at + View.silent] = Number(isSilent);
    this.#words[at + View.reporterCount] = count;
    for (let i = 0; i < count; i++) this.#words[at + View.reporters + i] = reporters[i];
  }

  heartbeatOf(node: number): number {
    return this.#words[node * View.words + View.heartbeat] ?? 0;
  }

  /** Undefined for a node that the agent has never heard of. */
  stateOf(node: number): NodeState | undefined {
    return STATES[this.#words[node * View.words + View.state]];
  }

  /** The first few of those who suspect the node. */
  reportersOf(node: number): NodeIndex[] {
    const at = node * View.words;
    return [
      ...this.#words.subarray(at + View.reporters, at + View.reporters + this.#words[at + View.reporterCount]),
    ].map((reporter) => reporter as NodeIndex);
  }

  /**
   * Whether this node itself takes the other for lost: it has waited in vain, or enough others say so. The word of a
   * single other is not enough.
   */
  suspects(node: number): boolean {
    const at = node * View.words;
    return this.#words[at + View.silent] === 1 || STATES[this.#words[at + View.state]] === 'down';
  }
}
