/**
 * The network between hosts under test: in namespaces of their own with a cable each to one switch, where the system
 * allows that (root, `ip netns`); behind proxies on loopback otherwise.
 */
import { execFileSync } from 'node:child_process';

export interface HostNetwork {
  readonly kind: 'namespaces' | 'loopback';
  /** Host and port that the host listens at. */
  listen(host: number): string;
  /** What others are told. */
  advertise(host: number): string;
  /** Runs a program where the host is. */
  prefix(host: number): readonly string[];
  /** Nothing passes from one to the other any more; both ways where `oneWay` is false. */
  cut(from: number, to: number, oneWay: boolean): Promise<void>;
  /** The host is off the net. */
  unplug(host: number): Promise<void>;
  /** Everything passes again. */
  heal(): Promise<void>;
  close(): Promise<void>;
}

const PORT = 7_400;

const ip = (...args: string[]): void => void execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });

/** Whether namespaces and cables can be made here. */
export function canMakeNamespaces(): boolean {
  const name = `kvt${process.pid}x`;
  try {
    ip('netns', 'add', name);
  } catch {
    return false;
  }
  try {
    ip('-n', name, 'link', 'add', 'br0', 'type', 'bridge');
    ip('-n', name, 'link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'e0');
    return true;
  } catch {
    return false;
  } finally {
    ip('netns', 'del', name);
  }
}

export class Namespaces implements HostNetwork {
  readonly kind = 'namespaces';
  readonly #hosts: number;
  readonly #switch = `kvt${process.pid}s`;
  readonly #cuts: (readonly [from: number, to: number])[] = [];
  readonly #unplugged = new Set<number>();

  constructor(hosts: number) {
    this.#hosts = hosts;
    ip('netns', 'add', this.#switch);
    ip('-n', this.#switch, 'link', 'add', 'br0', 'type', 'bridge');
    ip('-n', this.#switch, 'link', 'set', 'br0', 'up');
    for (let host = 0; host < hosts; host++) this.#plugIn(host);
  }

  #plugIn(host: number): void {
    const name = this.#name(host);
    ip('netns', 'add', name);
    ip('-n', this.#switch, 'link', 'add', `v${host}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
    ip('-n', this.#switch, 'link', 'set', `v${host}`, 'master', 'br0');
    ip('-n', this.#switch, 'link', 'set', `v${host}`, 'up');
    ip('-n', name, 'addr', 'add', `${this.#address(host)}/24`, 'dev', 'eth0');
    ip('-n', name, 'link', 'set', 'eth0', 'up');
    ip('-n', name, 'link', 'set', 'lo', 'up');
  }

  #name(host: number): string {
    return `kvt${process.pid}h${host}`;
  }

  #address(host: number): string {
    return `10.99.0.${host + 1}`;
  }

  listen(host: number): string {
    return `${this.#address(host)}:${PORT}`;
  }

  advertise(host: number): string {
    return this.listen(host);
  }

  prefix(host: number): readonly string[] {
    return ['ip', 'netns', 'exec', this.#name(host)];
  }

  async cut(from: number, to: number, oneWay: boolean): Promise<void> {
    this.#block(from, to);
    if (!oneWay) this.#block(to, from);
  }

  /** Packets from one to the other vanish where they begin. */
  #block(from: number, to: number): void {
    if (this.#cuts.some(([a, b]) => a === from && b === to)) return;
    ip('-n', this.#name(from), 'route', 'add', 'blackhole', `${this.#address(to)}/32`);
    this.#cuts.push([from, to]);
  }

  async unplug(host: number): Promise<void> {
    ip('-n', this.#switch, 'link', 'set', `v${host}`, 'down');
    this.#unplugged.add(host);
  }

  async heal(): Promise<void> {
    for (const [from, to] of this.#cuts.splice(0)) {
      ip('-n', this.#name(from), 'route', 'del', 'blackhole', `${this.#address(to)}/32`);
    }
    for (const host of this.#unplugged) ip('-n', this.#switch, 'link', 'set', `v${host}`, 'up');
    this.#unplugged.clear();
  }

  async close(): Promise<void> {
    for (let host = 0; host < this.#hosts; host++) ip('netns', 'del', this.#name(host));
    ip('netns', 'del', this.#switch);
  }
}
