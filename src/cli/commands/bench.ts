/**
 * `kvorum bench`: a short measurement of puts, then gets, on this machine: in a directory of its own that it removes,
 * or in the store that `--path` or `--connect` names, under keys of its own that it deletes.
 */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OPTION_SPECS } from '../../core/options.js';
import { BulkPool } from '../../runtime/bulk-pool.js';
import type { CommandSpec, Invocation } from '../command.js';
import { CliError } from '../exit-codes.js';
import { joined, type Measurement, measure, measurementRow } from '../latency.js';
import type { LoadTask } from '../load-generator.js';
import { LocalAccess } from '../local-access.js';
import { withStore } from '../open-access.js';
import { table } from '../output.js';
import { formatBytes, parseBytes, parseCount, parseDurationMs, parseFlag } from '../quantities.js';
import type { StoreAccess } from '../store-access.js';
import { withTemporary } from '../temporary.js';

const PREFIX = 'kvorum-bench:';

interface Plan {
  readonly durationMs: number;
  readonly inFlight: number;
  readonly keys: number;
  readonly value: string;
  readonly threads: number;
}

export const benchCommand: CommandSpec = {
  usage: 'bench',
  summary: 'measure puts and gets of this machine for a few seconds',
  description:
    'Puts, then gets, for a few seconds each, and prints operations per second and latency percentiles. ' +
    'Without --path or --connect it uses a temporary directory. Numbers vary with what else runs here.',
  flags: (command) => {
    command
      .option('--time <time>', 'how long each part runs', '2s')
      .option('--in-flight <count>', 'calls in flight, 1 to 10000', '128')
      .option('--keys <count>', 'different keys', '10000')
      .option('--value <bytes>', 'size of a value', '100')
      .option('--threads <count>', 'threads that call, each with that many calls in flight, 1 to 64', '1');
  },
  examples: [
    ['kvorum bench', 'two seconds of puts, two of gets'],
    ['kvorum bench --in-flight 1', 'the latency of one call at a time'],
    ['kvorum bench --threads 4', 'four threads attach to one store and share its memory'],
    ['kvorum bench --n 1 --w 1 --r 1 --nodes 2', 'without replication'],
    ['kvorum bench --connect 127.0.0.1:7379', 'a running server, over its socket'],
  ],
  run: async (invocation) => {
    const { flags, environment } = invocation;
    const isNamed = [flags.path, flags.connect, environment.KVORUM_PATH, environment.KVORUM_CONNECT].some(Boolean);
    if (isNamed) return benchIn(invocation);
    const path = await mkdtemp(join(tmpdir(), 'kvorum-bench-'));
    return withTemporary(path, () => benchIn({ ...invocation, flags: { ...flags, path } }));
  },
};

async function benchIn(invocation: Invocation): Promise<undefined> {
  const plan = planOf(invocation);
  const { put, get } = await withStore(invocation, { create: true }, (access) => run(access, plan));
  const result = { inFlight: plan.inFlight, keys: plan.keys, valueBytes: plan.value.length, put, get };
  const heading = ['', 'per second', 'p50', 'p99', 'p99.9', 'max'];
  invocation.output.result(result, () => table([heading, measurementRow('put', put), measurementRow('get', get)]));
}

function planOf({ flags }: Invocation): Plan {
  return {
    durationMs: parseFlag('--time', flags.time, parseDurationMs),
    inFlight: parseFlag('--in-flight', flags.inFlight, (text) => parseCount(text, { min: 1, max: 10_000 })),
    keys: parseFlag('--keys', flags.keys, (text) => parseCount(text, { min: 1, max: 100_000_000 })),
    value: 'x'.repeat(parseFlag('--value', flags.value, parseValueBytes)),
    threads: parseFlag('--threads', flags.threads, (text) => parseCount(text, { min: 1, max: 64 })),
  };
}

/** No pair is larger than `pairBytesMax` may be. */
function parseValueBytes(text: string): number {
  const bytes = parseBytes(text);
  const max = OPTION_SPECS.pairBytesMax.max as number;
  if (bytes >= 1 && bytes <= max) return bytes;
  throw new CliError('KV_USAGE', `'${text}' is not a size from 1 B to ${formatBytes(max)}`);
}

async function run(access: StoreAccess, plan: Plan): Promise<{ put: Measurement; get: Measurement }> {
  const { durationMs, inFlight, keys, value } = plan;
  const keyOf = (number: number) => `${PREFIX}${number % keys}`;
  try {
    if (plan.threads > 1) return await runThreads(access, plan);
    const put = await measure((number) => access.put({ key: keyOf(number), value, type: 'string' }), plan);
    const written = Math.min(keys, put.operations);
    const get = await measure((number) => access.get(`${PREFIX}${number % written}`), { durationMs, inFlight });
    return { put, get };
  } finally {
    await removeKeys(access);
  }
}

/** The same from several threads of this process, each on a seat of its own, in the bulk pool. */
async function runThreads(access: StoreAccess, plan: Plan): Promise<{ put: Measurement; get: Measurement }> {
  if (!(access instanceof LocalAccess)) {
    throw new CliError('KV_USAGE', '--threads needs a store opened by this process, not a server');
  }
  const module = new URL(import.meta.resolve('#load-generator'));
  const pool = new BulkPool<LoadTask, Measurement>({ module, threads: plan.threads });
  const runAll = async (kind: LoadTask['kind']) => {
    const tasks = Array.from({ length: plan.threads }, () => {
      const handle = access.handle();
      return pool.run({ ...plan, handle, kind, prefix: PREFIX }, handle.transferList);
    });
    return joined(await Promise.all(tasks));
  };
  try {
    return { put: await runAll('put'), get: await runAll('get') };
  } finally {
    await pool.close();
  }
}

async function removeKeys(access: StoreAccess): Promise<void> {
  let deletes: Promise<unknown>[] = [];
  for await (const pair of access.scan({ prefix: PREFIX, values: false })) {
    if ('key' in pair) deletes.push(access.delete(pair.key));
    if (deletes.length < 256) continue;
    await Promise.all(deletes);
    deletes = [];
  }
  await Promise.all(deletes);
}
