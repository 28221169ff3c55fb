/**
 * `kvorum doctor`: looks at the machine, the data directory and the store as a person would who was called because something
 * is wrong. Each check says ok, warn or fail, with a sentence; exit code 1 where one fails. It changes no data.
 */
import { SERVER_VERSION } from '../../server/version.js';
import type { CommandSpec, Invocation } from '../command.js';
import { countOf, examine, type Finding } from '../doctor/checks.js';
import {
  directoryFacts,
  type Facts,
  memoryOfMachine,
  openFilesMax,
  type StoreFacts,
  secretMode,
} from '../doctor/facts.js';
import { EXIT_CODES, printedError } from '../exit-codes.js';
import { LocalAccess } from '../local-access.js';
import { withStore } from '../open-access.js';
import { dataDirectory, hasStore } from '../open-store.js';
import { storeOptions } from '../option-flags.js';
import { table } from '../output.js';
import { formatNumber } from '../quantities.js';
import type { StoreAccess } from '../store-access.js';

export const doctorCommand: CommandSpec = {
  usage: 'doctor',
  summary: 'check the machine, the data directory and the store, and say what is wrong',
  description:
    'Checks versions, the directory, options against those that it was made with, the file system, disk, memory and open ' +
    'files; then nodes, hosts, clocks, failure domains, read-only nodes, replicas in doubt, hints and signs of bugs. Each ' +
    'says ok, warn or fail, and what to do. Changes no data. Exits with 1 where a check fails.',
  examples: [
    ['kvorum doctor', 'the store in ./kvorum-data'],
    ['kvorum doctor --config /etc/kvorum.json', 'with the options of a server, to compare them'],
    [`kvorum doctor --json | jq '.findings[] | select(.state != "ok")'`, 'what is not well, for a script'],
  ],
  run: async (invocation) => {
    const findings = examine(await factsOf(invocation));
    const [warned, failed] = [countOf(findings, 'warn'), countOf(findings, 'fail')];
    const counts = { ok: countOf(findings, 'ok'), warn: warned, fail: failed };
    invocation.output.result({ ...counts, findings }, () => describe(findings, warned, failed));
    return failed === 0 ? EXIT_CODES.ok.code : EXIT_CODES.notFound.code;
  },
};

async function factsOf(invocation: Invocation): Promise<Facts> {
  const { flags, environment, config } = invocation;
  const options = storeOptions(flags, environment, undefined, config);
  const path = dataDirectory(options);
  const isElsewhere = Boolean(flags.connect ?? environment.KVORUM_CONNECT);
  const machine = {
    nodeVersion: process.versions.node,
    version: SERVER_VERSION,
    nowMs: Date.now(),
    memoryBytes: memoryOfMachine(),
    options,
    config,
    secretMode: secretMode(config),
    directory: isElsewhere ? undefined : directoryFacts(path),
  };
  if (!isElsewhere && !hasStore(path)) return { ...machine, store: undefined, trouble: undefined };
  try {
    const look = (access: StoreAccess) => lookAt(access, isElsewhere);
    const { store, nowMs } = await withStore(invocation, { create: false }, look);
    return { ...machine, nowMs, store, trouble: undefined };
  } catch (thrown) {
    if (isElsewhere) throw thrown;
    const { code, message } = printedError(thrown);
    return { ...machine, store: undefined, trouble: `${code}: ${message}` };
  }
}

async function lookAt(access: StoreAccess, isElsewhere: boolean): Promise<{ store: StoreFacts; nowMs: number }> {
  const ring = await access.ring();
  const askedAt = Date.now();
  const status = await access.status();
  const isServed = !(access instanceof LocalAccess);
  const files = isElsewhere ? undefined : openFilesMax(status.pid);
  // the answer was made somewhere between the question and now
  const nowMs = Math.min(Math.max(status.nowMs, askedAt), Date.now());
  return { store: { status, ring, isServed, openFilesMax: files }, nowMs };
}

function describe(findings: readonly Finding[], warned: number, failed: number): string {
  const rows = findings.map(({ check, state, message }) => [state, check, message]);
  const counts = `${formatNumber(failed, 'failure')}, ${formatNumber(warned, 'warning')}`;
  return `${table([['', 'check', ''], ...rows])}\n\n${failed + warned === 0 ? 'all is well' : counts}`;
}
