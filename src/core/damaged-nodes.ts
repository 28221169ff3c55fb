/**
 * Which nodes of a host were found damaged, and whether one more goes on with what is intact of its log: fewer than N may be
 * damaged at a time, since each might lack what another has lost. Hosts do not ask each other.
 */
export class DamagedNodes {
  readonly #nodes = new Set<number>();
  readonly #n: number;
  readonly #countsAgain: (node: number) => boolean;

  /** `countsAgain`: whether a node is up and counts for all of its partitions; then it is damaged no more. */
  constructor(n: number, countsAgain: (node: number) => boolean) {
    this.#n = n;
    this.#countsAgain = countsAgain;
  }

  add(node: number): void {
    this.#nodes.add(node);
  }

  /** Whether a node whose log was found damaged goes on with what is intact of it. */
  maySalvage(node: number): boolean {
    for (const other of this.#nodes) if (this.#countsAgain(other)) this.#nodes.delete(other);
    this.add(node);
    return this.#nodes.size < this.#n;
  }
}
