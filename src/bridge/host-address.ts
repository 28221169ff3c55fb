/** Where a host can be reached, and which nodes it may run: [first, first + room) of the ring's indices. */
export interface HostAddress {
  readonly host: string;
  /** HOST:PORT. */
  readonly address: string;
  readonly first: number;
  readonly room: number;
  readonly zone: string;
  readonly machine: string;
}
