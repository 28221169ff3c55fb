/**
 * The status lines of nodes of other hosts, which the bridge's thread alone writes: whether their host is connected, by
 * which connection, whether it is heard, and what it says of each of its nodes.
 */
import type { HostAddress, NodeStatus } from '../bridge/types.js';
import { NODE_COUNT_MAX } from '../core/ids.js';
import { Doubt, Life, Status, type ThreadMap } from './thread-map.js';

type NodesOf = Pick<HostAddress, 'first' | 'room'>;

export class RemoteStatus {
  readonly #status: Int32Array;

  constructor(map: ThreadMap) {
    this.#status = new Int32Array(map.status);
  }

  /** A connection to the host stands, or none does (0): then none of its nodes can be reached. */
  setPeer({ first, room }: NodesOf, connection: number): void {
    for (let node = first; node < first + room && node < NODE_COUNT_MAX; node++) {
      const line = node * Status.line;
      Atomics.store(this.#status, line + Status.up, 0); // Atomics: release; its host tells anew
      Atomics.store(this.#status, line + Status.quiet, 0); // Atomics: release
      if (connection !== 0) Atomics.store(this.#status, line + Status.connection, connection); // Atomics: release
      Atomics.store(this.#status, line + Status.connected, Number(connection !== 0)); // Atomics: release, after the above
    }
  }

  /** Nothing is heard of the host, though it is connected: others are asked first. Or it is heard again. */
  setQuiet({ first, room }: NodesOf, isQuiet: boolean): void {
    for (let node = first; node < first + room && node < NODE_COUNT_MAX; node++) {
      Atomics.store(this.#status, node * Status.line + Status.quiet, Number(isQuiet)); // Atomics: release
    }
  }

  /** What the host says of its nodes; those outside its range are not its own to speak of. */
  setNodes({ first, room }: NodesOf, nodes: readonly NodeStatus[]): void {
    for (const { node, up, draining, doubtful, incarnation } of nodes) {
      if (node < first || node >= first + room || node >= NODE_COUNT_MAX) continue;
      const line = node * Status.line;
      Atomics.store(this.#status, line + Status.incarnation, incarnation); // Atomics: release, before it is seen up
      Atomics.store(this.#status, line + Status.doubt, doubtOf(doubtful)); // Atomics: release, before it is seen up
      Atomics.store(this.#status, line + Status.up, up ? (draining === true ? Life.draining : Life.up) : Life.down); // Atomics: release
    }
  }

  /** The bridge has ended: nobody of any other host can be reached. */
  clear({ first, room }: NodesOf): void {
    for (let node = 0; node < NODE_COUNT_MAX; node++) {
      if (node >= first && node < first + room) continue;
      const line = node * Status.line;
      Atomics.store(this.#status, line + Status.up, 0); // Atomics: release
      Atomics.store(this.#status, line + Status.connected, 0); // Atomics: release
    }
  }
}

const doubtOf = (isDoubtful: boolean | undefined): Doubt =>
  isDoubtful === undefined ? Doubt.unknown : isDoubtful ? Doubt.some : Doubt.none;
