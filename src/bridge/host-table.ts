/**
 * The hosts that are known, and which of them a node belongs to. What a host says of itself counts more than what another
 * says of it; ranges never overlap. A host keeps its slot for the life of this process: addresses of its clients hold it.
 */
import { claimOf, type HostClaim, overlaps } from '../core/host-claims.js';
import type { Hello } from './hello.js';
import { PEER_SLOTS_MAX } from './limits.js';
import type { RefusalReason } from './refusal.js';
import type { HostAddress } from './types.js';

export class HostTable {
  readonly own: HostAddress;
  readonly #hosts = new Map<string, HostAddress>();
  readonly #slots = new Map<string, number>();
  /** Hosts that others speak of, of which this one has not heard yet that they were let in. */
  readonly #strangers = new Map<string, HostAddress>();
  /** Of the hosts that the cluster has let in; of none where it keeps no list. */
  #claims: readonly HostClaim[];

  constructor(own: HostAddress, claims: readonly HostClaim[] = []) {
    this.own = own;
    this.#claims = claims;
    this.#hosts.set(own.host, own);
  }

  get size(): number {
    return this.#hosts.size;
  }

  /** All of them, this one too. */
  get all(): HostAddress[] {
    return [...this.#hosts.values()];
  }

  get claims(): readonly HostClaim[] {
    return this.#claims;
  }

  /** Another list of those that were let in: the hosts that are none of the cluster any more, and those that are known now. */
  setClaims(claims: readonly HostClaim[]): { readonly forgotten: readonly string[]; readonly met: readonly string[] } {
    const before = new Set([...this.#hosts.keys(), ...this.#claims.map(({ host }) => host)]);
    const were = this.#claims;
    this.#claims = claims;
    // one that was forgotten and let in anew has another range: the old one may be another host's by now
    const hasMoved = (host: string) => {
      const [was, is] = [claimOf(were, host), claimOf(claims, host)];
      return was !== undefined && was.first !== is?.first && !this.#isInClaim(this.#hosts.get(host));
    };
    const forgotten = [...before].filter(
      (host) => host !== this.own.host && (!this.#isAdmitted(host) || hasMoved(host)),
    );
    for (const host of forgotten) this.#hosts.delete(host);
    const met = [...this.#strangers.values()].filter((address) => this.learn(address, false)).map(({ host }) => host);
    return { forgotten, met };
  }

  #isAdmitted(host: string): boolean {
    return this.#claims.length === 0 || claimOf(this.#claims, host) !== undefined;
  }

  /** Whether its range is the one that the cluster gave it, as far as that is known. */
  #isInClaim(address: HostAddress | undefined): boolean {
    const claim = address && claimOf(this.#claims, address.host);
    return claim === undefined || claim.first === address?.first;
  }

  get(host: string): HostAddress | undefined {
    return this.#hosts.get(host);
  }

  /** Takes what is new; returns whether anything is. `isFirstHand`: the host itself says so. */
  learn(address: HostAddress, isFirstHand: boolean): boolean {
    const known = this.#hosts.get(address.host);
    if (address.host === this.own.host) return false;
    if (!this.#isAdmitted(address.host) || (!isFirstHand && !this.#isInClaim(address))) {
      this.#remember(address);
      return false;
    }
    this.#strangers.delete(address.host);
    if (this.#isTaken(address)) return false;
    if (known !== undefined && (!isFirstHand || isSame(known, address))) return false;
    this.#hosts.set(address.host, address);
    return true;
  }

  /** What the host `teller` says of hosts, itself among them; returns whether anything is new. */
  learnAll(addresses: readonly HostAddress[], teller: string): boolean {
    return addresses.filter((address) => this.learn(address, address.host === teller)).length > 0;
  }

  /** Of those whom others speak of, the ones named last: most of the others were forgotten long ago. */
  #remember(stranger: HostAddress): void {
    this.#strangers.delete(stranger.host);
    this.#strangers.set(stranger.host, stranger);
    const [oldest] = this.#strangers.keys();
    if (this.#strangers.size > PEER_SLOTS_MAX) this.#strangers.delete(oldest);
  }

  /** What speaks against this host as a peer. */
  objection({ self }: Hello): RefusalReason | undefined {
    if (!this.#isAdmitted(self.host) || !this.#isInClaim(self)) return 'not-admitted';
    return this.#isTaken(self) || this.slotOf(self.host) === 0 ? 'range' : undefined;
  }

  /** 1 to PEER_SLOTS_MAX; 0 where all are taken. */
  slotOf(host: string): number {
    let slot = this.#slots.get(host);
    if (slot === undefined && this.#slots.size < PEER_SLOTS_MAX) {
      slot = this.#slots.size + 1;
      this.#slots.set(host, slot);
    }
    return slot ?? 0;
  }

  #isTaken(address: HostAddress): boolean {
    for (const other of this.#hosts.values()) {
      if (other.host !== address.host && overlaps(other, address)) return true;
    }
    return false;
  }
}

const isSame = (a: HostAddress, b: HostAddress): boolean =>
  a.address === b.address && a.first === b.first && a.room === b.room && a.zone === b.zone && a.machine === b.machine;
