/**
 * Checks that each pair of threads gets its messages in the order in which they were sent: within a connection none
 * overtakes another, and what a connection carried comes before what the next one carries.
 */
import type { Lane, Parcel } from './lane.js';

export class ArrivalOrder {
  readonly #last = new Map<Lane, Pick<Parcel, 'connection' | 'sequence'>>();

  /** Whether this message may come behind what came before. */
  follows(lane: Lane, { connection, sequence }: Parcel): boolean {
    const last = this.#last.get(lane);
    this.#last.set(lane, { connection, sequence });
    if (last === undefined || connection > last.connection) return true;
    return connection === last.connection && sequence > last.sequence;
  }
}
