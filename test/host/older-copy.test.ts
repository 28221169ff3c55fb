/** A whole host whose data directory is an older copy: the others remember more of it, and it hears of that before it serves. */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { freePort } from '../../bench/harness/free-port.js';
import { SequenceWitness } from '../../src/host/sequence-witness.js';
import { StorageWatch } from '../../src/host/storage-watch.js';
import { open, type Store } from '../../src/index.js';
import { type Ending, makeFolder, patiently, SMALL, until } from '../client/store-fixture.js';

const KEYS = 60;
const PASSING = new Set([
  'KV_OVERLOADED',
  'KV_WRITE_QUORUM_UNMET',
  'KV_READ_QUORUM_UNMET',
  'KV_UNAVAILABLE',
  'KV_NODE_RESTARTED',
]);

/** Two hosts of three nodes, each with a directory, that can be closed and opened again. */
class Hosts {
  readonly stores: Store[] = [];
  readonly #t: Ending;
  readonly #folder: string;
  readonly #listen: string[] = [];

  constructor(t: Ending) {
    this.#t = t;
    this.#folder = makeFolder(t);
  }

  path(host: number): string {
    return join(this.#folder, `host-${host}`);
  }

  async open(host: number): Promise<void> {
    this.#listen[host] ??= `127.0.0.1:${await freePort()}`;
    const bridge = { hostId: `host-${host}`, listen: this.#listen[host], seeds: this.#listen[0] };
    const store = await open({ ...SMALL, ...bridge, path: this.path(host), secret: 'a secret of this test' });
    this.#t.teardown(() => store.close());
    this.stores[host] = store;
  }

  /** Resolves when the open hosts see every node up. */
  async settled(): Promise<void> {
    const isSettled = (one: Store) => one.members().every(({ state }) => state === 'up') && !one.ring().change;
    await until(() => this.stores.every((one) => one.members().length === this.stores.length * 3 && isSettled(one)));
  }

  /** The storage incarnations of a host's nodes. */
  replicas(host: number): number[] {
    const nodes = [0, 1, 2].map((node) => join(this.path(host), `node-${String(host * 32 + node).padStart(3, '0')}`));
    return nodes.map(
      (node) => (JSON.parse(readFileSync(join(node, 'node.json'), 'utf8')) as { replica: number }).replica,
    );
  }
}

const putAll = async (store: Store, value: (index: number) => string | undefined): Promise<void> => {
  for (let i = 0; i < KEYS; i++) {
    const wanted = value(i);
    const write = () =>
      wanted === undefined ? store.delete(`key-${i}`, { w: 3 }) : store.put(`key-${i}`, wanted, { w: 3 });
    await patiently<unknown>(write, PASSING);
  }
};

/** The second host was closed, copied, opened and closed again, with writes before and after the copy; that is back in its place. */
async function putBack(hosts: Hosts, now: (index: number) => string | undefined): Promise<void> {
  await hosts.open(0);
  await hosts.open(1);
  await hosts.settled();
  await putAll(hosts.stores[0], () => 'old');
  await hosts.stores[1].close();
  const copy = `${hosts.path(1)}-copy`;
  cpSync(hosts.path(1), copy, { recursive: true });
  await hosts.open(1);
  await hosts.settled();
  await putAll(hosts.stores[0], now);
  await hosts.stores[1].close();
  // what the other has seen is on its disk
  await hosts.stores[0].close();
  hosts.stores.length = 0;
  rmSync(hosts.path(1), { recursive: true });
  cpSync(copy, hosts.path(1), { recursive: true });
}

const now = (index: number) => (index % 5 === 0 ? undefined : 'new');

async function isWhole(t: ExecutionContext, { stores }: Hosts): Promise<void> {
  const inDoubt = async (store: Store) =>
    (await store.stats()).nodes.reduce((sum, { repairs }) => sum + repairs.inDoubt, 0);
  for (const store of stores) await until(async () => (await inDoubt(store)) === 0);
  for (let i = 0; i < KEYS; i++) t.is(await patiently(() => stores[1].get(`key-${i}`, { r: 3 }), PASSING), now(i));
  await until(async () => (await stores[0].repair({ dryRun: true })).differing === 0);
}

test('older copy: a host’s whole directory is put back -> its nodes take new incarnations, catch up, and the dead stay dead', async (t) => {
  const hosts = new Hosts(t);
  await putBack(hosts, now);
  const before = [hosts.replicas(0), hosts.replicas(1)];
  await Promise.all([hosts.open(0), hosts.open(1)]);
  // it has heard of it before its nodes began
  const after = hosts.replicas(1);
  t.deepEqual(
    after.filter((replica) => before[1].includes(replica)),
    [],
  );
  await hosts.settled();
  await isWhole(t, hosts);
  t.deepEqual(hosts.replicas(0), before[0]);
  // and once more: nothing is older than what was seen
  await hosts.stores[1].close();
  await hosts.open(1);
  await hosts.settled();
  t.deepEqual(hosts.replicas(1), after);
});

test('older copy: the other hosts come later -> its nodes begin anew when it hears of it', async (t) => {
  const hosts = new Hosts(t);
  await putBack(hosts, now);
  const before = hosts.replicas(1);
  await hosts.open(1);
  t.deepEqual(hosts.replicas(1), before);
  await hosts.open(0);
  await until(() => hosts.replicas(1).every((replica) => !before.includes(replica)));
  await hosts.settled();
  await isWhole(t, hosts);
});

test('older copy: what others have told -> counts where it is more than the directory has, until the node begins anew', (t) => {
  const path = join(makeFolder(t), 'host');
  const nodeDirectory = (node: number) => join(path, `node-${node}`);
  mkdirSync(path, { recursive: true });
  const watch = () => new StorageWatch({ path, nodes: [0, 1], nodeDirectory });
  const one = watch();
  t.deepEqual(one.own(), []);
  const told = { replica: 7, bornMs: 10, sequence: 50 };
  one.hear('other', [{ node: 0, ...told }]);
  t.is(one.overtakenBy(0), undefined);
  const witness = new SequenceWitness(nodeDirectory(0));
  witness.writeDurably({ ...told, sequence: 49 });
  t.like(one.overtakenBy(0), told);
  t.is(one.overtakenBy(1), undefined);
  t.deepEqual(one.own(), [{ node: 0, ...told, sequence: 49 }]);
  witness.write({ ...told, sequence: 50 });
  t.is(one.overtakenBy(0), undefined);
  witness.write({ replica: 8, bornMs: 11, sequence: 0 });
  t.is(one.overtakenBy(0), undefined);
  one.learn([{ node: 32, ...told }]);
  one.save();
  t.deepEqual(watch().seen, [{ node: 32, ...told }]);
  writeFileSync(join(path, 'seen.json'), '[{"node":');
  t.deepEqual(watch().seen, []);
});
