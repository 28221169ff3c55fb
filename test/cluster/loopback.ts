/** Hosts on loopback, each behind a proxy that can hold up, delay, split, reset and replay what others send to it. */
import { freePort } from '../../bench/harness/free-port.js';
import { LinkProxy, type LinkRule, OPEN_LINK } from './link-proxy.js';
import type { HostNetwork } from './network.js';

const HELD_BOTH: LinkRule = { ...OPEN_LINK, holdsUp: true, holdsDown: true };

export class Loopback implements HostNetwork {
  readonly kind = 'loopback';
  readonly #ports: number[] = [];
  readonly #proxies: LinkProxy[] = [];
  readonly #names: readonly string[];
  /** Rules by who dials and who is dialed. */
  readonly #rules = new Map<string, LinkRule>();

  private constructor(names: readonly string[]) {
    this.#names = names;
  }

  static async make(names: readonly string[]): Promise<Loopback> {
    const network = new Loopback(names);
    for (let host = 0; host < names.length; host++) {
      const port = await freePort();
      const proxy = new LinkProxy({ host: '127.0.0.1', port }, (dialer) => network.#ruleOf(dialer, host));
      await proxy.start();
      network.#ports.push(port);
      network.#proxies.push(proxy);
    }
    return network;
  }

  #ruleOf(dialer: string, host: number): LinkRule {
    return this.#rules.get(`${dialer} ${this.#names[host]}`) ?? OPEN_LINK;
  }

  listen(host: number): string {
    return `127.0.0.1:${this.#ports[host]}`;
  }

  advertise(host: number): string {
    return `127.0.0.1:${this.#proxies[host].port}`;
  }

  prefix(): readonly string[] {
    return [];
  }

  async cut(from: number, to: number, oneWay: boolean): Promise<void> {
    this.rule(from, to, oneWay ? { ...OPEN_LINK, holdsUp: true } : HELD_BOTH);
    this.rule(to, from, oneWay ? { ...OPEN_LINK, holdsDown: true } : HELD_BOTH);
  }

  /** From now on, whatever passes on connections that one has dialed to the other. */
  rule(dialer: number, host: number, rule: LinkRule): void {
    this.#rules.set(`${this.#names[dialer]} ${this.#names[host]}`, rule);
  }

  /** Delays and odd pieces between all. */
  disturb(rule: LinkRule): void {
    for (let a = 0; a < this.#names.length; a++) for (let b = 0; b < this.#names.length; b++) this.rule(a, b, rule);
  }

  async unplug(host: number): Promise<void> {
    for (let other = 0; other < this.#names.length; other++) if (other !== host) await this.cut(host, other, false);
  }

  reset(): void {
    for (const proxy of this.#proxies) proxy.reset();
  }

  async replay(): Promise<void> {
    for (const proxy of this.#proxies) await proxy.replay();
  }

  async heal(): Promise<void> {
    this.#rules.clear();
  }

  async close(): Promise<void> {
    for (const proxy of this.#proxies) await proxy.close();
  }
}
