/**
 * `kvorum serve`: opens the store and serves it over the Redis protocol until SIGINT or SIGTERM. It also listens on the
 * Unix socket in the data directory, through which the other commands find it.
 */
import type { Store } from '../../client/types.js';
import { OPTION_SPECS, type OpenOptions } from '../../core/options.js';
import { Draining } from '../../server/draining.js';
import { PORT_DEFAULT, type RespServer, serveResp } from '../../server/resp-server.js';
import { SERVER_VERSION } from '../../server/version.js';
import type { CommandSpec, Invocation } from '../command.js';
import { CliError } from '../exit-codes.js';
import { dataDirectory, openStore } from '../open-store.js';
import { storeOptions, unknownVariables } from '../option-flags.js';
import { printable } from '../output.js';
import { parseTarget } from '../quantities.js';
import { socketPathOf } from '../socket-path.js';
import { endBySignal, type StopSignalName, stopSignal } from '../stop-signal.js';

const RESP_DEFAULT = `127.0.0.1:${PORT_DEFAULT}`;

export const serveCommand: CommandSpec = {
  usage: 'serve',
  summary: 'open a store and serve it over the Redis protocol',
  description:
    'Opens the data directory, starts its nodes and serves the Redis protocol until SIGINT or SIGTERM. ' +
    'There is no password: whoever reaches the address may read and write. The other commands find this process by ' +
    'the socket kvorum.sock in the data directory. A second signal ends the process at once; nothing acknowledged is lost.',
  opens: true,
  flags: (command) => {
    command.option(
      '--resp <address>',
      `HOST:PORT of the Redis protocol, or off (default: ${RESP_DEFAULT}; env: KVORUM_RESP)`,
    );
  },
  examples: [
    ['kvorum serve', `./kvorum-data on ${RESP_DEFAULT}`],
    ['kvorum serve --path /var/lib/kvorum --nodes 5 --memory 2g', 'five nodes, 2 GiB of memory'],
    [
      'kvorum serve --config /etc/kvorum.json',
      'options from a file: {"path": "/var/lib/kvorum", "nodes": 5, "memoryBytes": "2g"}',
    ],
    ['kvorum serve --durability sync', 'no acknowledged write is lost when the power fails'],
    ['KVORUM_RESP=0.0.0.0:7379 kvorum serve', 'reachable from other machines: anyone may write'],
    ['redis-cli -p 7379 set greeting hello', 'what a client does then'],
  ],
  run: async (invocation) => {
    const { flags, environment, output, config } = invocation;
    for (const name of unknownVariables(environment)) output.note(`kvorum: warning: ${name} is not an option; ignored`);
    const asked = stopSignal();
    const options = storeOptions(flags, environment, undefined, config);
    const address = respAddress(invocation);
    const store = await openUnlessAsked(options, asked);
    const servers: RespServer[] = [];
    const draining = new Draining(store);
    try {
      reportEvents(store, invocation);
      await listen(store, { options, address, servers, invocation, draining });
      output.result(...readyReport(store, options, servers));
      const why = await Promise.race([asked, draining.ended.then(() => 'drained' as const)]);
      output.note(`kvorum: ${why}: stopping${why === 'drained' ? '' : '; a second signal stops at once'}`);
    } finally {
      await Promise.all(servers.map((server) => server.close()));
      await store.close();
    }
    output.note('kvorum: stopped');
    return undefined;
  },
};

/** A signal while the store opens ends the process at once: nothing was acknowledged yet, and a lock of the dead is void. */
async function openUnlessAsked(options: OpenOptions, asked: Promise<StopSignalName>): Promise<Store> {
  const opening = openStore(options);
  const first = await Promise.race([opening, asked]);
  if (typeof first === 'string') endBySignal(first);
  return first;
}

interface Listening {
  readonly options: OpenOptions;
  readonly address: { readonly host: string; readonly port: number } | undefined;
  /** Filled in: first the address, then the socket, as far as there are. */
  readonly servers: RespServer[];
  readonly invocation: Invocation;
  readonly draining: Draining;
}

async function listen(store: Store, { options, address, servers, invocation, draining }: Listening): Promise<void> {
  const dataPath = dataDirectory(options);
  const common = { dataPath, draining };
  if (address) servers.push(await serveResp(store, { ...address, ...common }));
  const socketPath = socketPathOf(dataPath);
  if (socketPath !== undefined) servers.push(await serveResp(store, { socketPath, ...common }));
  else invocation.output.note('kvorum: warning: the data directory has too long a name for a socket; use --connect');
}

function respAddress({
  flags,
  environment,
  config,
}: Invocation): { readonly host: string; readonly port: number } | undefined {
  const text = String(flags.resp ?? (environment.KVORUM_RESP || (config.values.resp ?? RESP_DEFAULT)));
  if (text === 'off') return undefined;
  const target = parseTarget(text);
  if ('socketPath' in target) throw new CliError('KV_USAGE', `--resp takes HOST:PORT or off, not '${text}'`);
  return target;
}

function readyReport(store: Store, options: OpenOptions, servers: readonly RespServer[]): [object, () => string] {
  const { n, partitions } = store.ring();
  const nodes = store.members().length;
  const majority = Math.floor(n / 2) + 1;
  const { r = majority, w = majority, durability = OPTION_SPECS.durability.default } = options;
  const path = dataDirectory(options);
  const resp = servers.find(({ port }) => port !== 0)?.address;
  const socket = servers.find(({ port }) => port === 0)?.address;
  const own = store.hosts().find((host) => host.own)?.address;
  const report = { event: 'ready', version: SERVER_VERSION, pid: process.pid, path, resp, socket, listen: own };
  const text = () =>
    [
      `kvorum ${SERVER_VERSION} is ready (pid ${process.pid})`,
      `  redis protocol  ${resp ?? 'off'}`,
      `  socket          ${socket ?? 'none'}`,
      ...(own === undefined ? [] : [`  other hosts     ${own}`]),
      `  data directory  ${path}`,
      `  nodes           ${nodes} (N=${n} R=${r} W=${w}, ${partitions} partitions, durability ${String(durability)})`,
    ].join('\n');
  return [{ ...report, nodes, n, r, w, partitions, durability }, text];
}

/** What befalls the store, one line each on standard error. */
function reportEvents(store: Store, { output }: Invocation): void {
  const names = [
    'node-down',
    'node-up',
    'node-left',
    'liveness',
    'actor-restarted',
    'storage-error',
    'log-cut',
    'log-damaged',
    'base-damaged',
    'tree-differs',
    'writes-may-be-lost',
    'host',
    'host-refused',
  ] as const;
  for (const name of names) {
    store.on(name, (detail) => {
      const fields = Object.entries(detail).map(([field, value]) => `${field}=${printable(String(value))}`);
      output.note(`kvorum: ${new Date().toISOString()} ${name} ${fields.join(' ')}`);
    });
  }
}
