/**
 * The bridge suite: messages between two processes one way and there and back, beside a plain socket and postMessage; and
 * three host processes as one cluster: writes, reads, the same with TLS, and how soon writes go past a host that is killed.
 */

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MessageChannel } from 'node:worker_threads';
import { makeCertificates } from '../../src/cli/certificates.js';
import type { OpenStoreOptions } from '../../src/index.js';
import { median } from '../harness/interleave.js';
import { figure, type Result } from '../harness/report.js';
import { HostProcesses } from './host-processes.js';
import { measureOneWay, measurePlain, measureRoundTrips } from './one-way.js';

export interface BridgeSuiteOptions {
  readonly folder: string;
  readonly rounds: number;
  readonly sliceMs: number;
  readonly bridgeMessages: number;
  readonly wants: (id: string) => boolean;
  readonly progress: (line: string) => void;
}

const ONE_WAY_MIN = 400_000;
const DEPTH = 128;
const SECRET = 'a secret of this bench';
const PAYLOAD_BYTES = 100;

export async function runBridgeSuite(options: BridgeSuiteOptions): Promise<{ results: Result[]; skipped: string[] }> {
  const { wants } = options;
  const results: Result[] = [];
  const skipped: string[] = [];
  if (wants('bridge.one-way')) results.push(await oneWay(options));
  if (wants('bridge.round-trip')) results.push(...(await roundTrips(options)));
  if (['put', 'get', 'past-death'].some((id) => wants(`bridge.${id}`))) {
    results.push(...(await threeHosts(options, 'secret', () => ({ secret: SECRET }))));
  }
  if (wants('bridge.tls')) {
    const certificates = await certificatesIn(join(options.folder, 'certificates'));
    if (typeof certificates === 'string') skipped.push(`bridge.tls: ${certificates}`);
    else results.push(...(await threeHosts(options, 'tls', certificates)));
  }
  return { results, skipped };
}

/** The TLS options of each host, or why there are none: openssl is missing. */
async function certificatesIn(folder: string): Promise<((host: string) => OpenStoreOptions) | string> {
  try {
    const { authority, hosts } = await makeCertificates(folder, ['host-0', 'host-1', 'host-2'], 2);
    const options = new Map(
      hosts.map(({ host, certificate, key }) => [host, { tlsCa: authority, tlsCert: certificate, tlsKey: key }]),
    );
    return (host) => options.get(host) ?? {};
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
}

async function oneWay({ rounds, bridgeMessages, progress }: BridgeSuiteOptions): Promise<Result> {
  progress('bridge.one-way');
  const ours = median(await measureOneWay(rounds, bridgeMessages));
  const plain = median(await measurePlain(rounds, bridgeMessages));
  const posted = median(await measurePostMessage(rounds, bridgeMessages));
  const held = bridgeMessages < 100_000 ? {} : { bound: ONE_WAY_MIN, held: ours >= ONE_WAY_MIN };
  return {
    id: 'bridge.one-way.100B',
    ours,
    unit: 'messages/s',
    peers: { 'node:net': plain, postMessage: posted },
    ratio: { 'node:net': ours / plain, postMessage: ours / posted },
    ...held,
  };
}

async function measurePostMessage(rounds: number, messages: number): Promise<number[]> {
  const rates: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const { port1, port2 } = new MessageChannel();
    let taken = 0;
    const fromMs = performance.now();
    await new Promise<void>((resolve) => {
      port2.on('message', () => {
        if (++taken === messages) resolve();
      });
      for (let i = 0; i < messages; i++) port1.postMessage(new Uint8Array(PAYLOAD_BYTES));
    });
    rates.push(messages / ((performance.now() - fromMs) / 1_000));
    port1.close();
  }
  return rates;
}

async function roundTrips({ bridgeMessages, progress }: BridgeSuiteOptions): Promise<Result[]> {
  progress('bridge.round-trip');
  const micros = (await measureRoundTrips(Math.min(5_000, bridgeMessages))).sort((a, b) => a - b);
  const at = (share: number): number => micros[Math.floor((micros.length - 1) * share)];
  return [figure('bridge.round-trip.p50', at(0.5), 'µs'), figure('bridge.round-trip.p99', at(0.99), 'µs')];
}

async function threeHosts(
  { folder, rounds, sliceMs, progress }: BridgeSuiteOptions,
  name: 'secret' | 'tls',
  security: (host: string) => OpenStoreOptions,
): Promise<Result[]> {
  progress(`bridge: three hosts, ${name}`);
  const cluster = new HostProcesses(join(folder, `hosts-${name}`));
  const prefix = name === 'tls' ? 'bridge.tls' : 'bridge';
  const results: Result[] = [];
  const add = (id: string, ours: number, unit: string): void =>
    void results.push(figure(`${prefix}.${id}`, ours, unit));
  try {
    await cluster.open(security);
    const [host] = cluster.hosts;
    for (const action of ['put', 'get'] as const) {
      const rates: number[] = [];
      for (let round = -1; round < rounds; round++) {
        const rate = await host.ask({ what: 'drive', action, depth: DEPTH, durationMs: sliceMs });
        if (round >= 0) rates.push(rate as number);
      }
      add(action === 'put' ? 'put.n3w2.depth128' : 'get.n3r2.depth128', median(rates), 'ops/s');
    }
    if (name === 'secret') {
      await sleep(200);
      await cluster.hosts[2].kill();
      add('past-death', (await host.ask({ what: 'past-death' })) as number, 'ms');
      cluster.hosts.pop();
    }
  } finally {
    await cluster.close();
  }
  return results;
}
