/**
 * Writes of one client's batch that go to the same places: one slot of the write table, one message to each replica, one
 * confirmation of each. Records are numbered from 0; a replica answers for them in this order, in runs of one outcome.
 * A record that a replica refuses is set apart: it goes on in a slot of its own, as if it had been sent alone.
 */

export class WriteGroup {
  /** Slot of the write table. */
  readonly slot: number;
  /** Of each record: its number in the client's batch. */
  readonly members: number[] = [];
  readonly partitions: number[] = [];
  /** Of each record: where its key stands in the key ring. */
  readonly keys: number[] = [];
  /** Of each place: records that it has answered for. */
  readonly heard: number[] = [];
  /** Set of places that refused records which were not set apart. */
  refused = 0;
  /** Id of the write of each record that was set apart. */
  readonly apart = new Map<number, number>();

  constructor(slot: number) {
    this.slot = slot;
  }

  get count(): number {
    return this.members.length;
  }

  /** Whether all of its records were set apart. */
  get isEmpty(): boolean {
    return this.apart.size === this.members.length;
  }

  add(member: number, partition: number, key: number): void {
    this.members.push(member);
    this.partitions.push(partition);
    this.keys.push(key);
  }

  /**
   * A place answers for `count` records from `first` on, or, where `count` is 0, for all from there on. Where that run
   * ends; -1 for one that does not follow what the place has answered before, such as a repeated one.
   */
  hear(place: number, first: number, count: number): number {
    const known = this.heard[place] ?? 0;
    if (first !== known || first >= this.count) return -1;
    const end = count === 0 ? this.count : Math.min(this.count, first + count);
    this.heard[place] = end;
    return end;
  }

  /** Whether a run from `first` on comes before what the place has to answer first. */
  isAhead(place: number, first: number): boolean {
    return first > (this.heard[place] ?? 0) && first < this.count;
  }

  /** Places that hold this record, as far as they have answered; whoever refused it, and was not set apart, does not. */
  holdersOf(record: number): number {
    let holders = 0;
    for (let place = 0; place < this.heard.length; place++) {
      if ((this.heard[place] ?? 0) > record) holders |= 1 << place;
    }
    return holders & ~this.refused;
  }
}
