/**
 * `kvorum load FILE`: writes each line `{"key":…,"value":…}` of a file or of standard input, with several batches in
 * flight and in bounded memory, and reports the rate and the totals at the end.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { CommandSpec, Invocation } from '../command.js';
import { CliError, EXIT_CODES } from '../exit-codes.js';
import { type BadLine, loadLines } from '../loader.js';
import { readLines } from '../ndjson.js';
import { withStore } from '../open-access.js';
import { rateOf, startProgress } from '../progress.js';
import { formatBytes, formatCount, formatNumber, parseCount, parseFlag } from '../quantities.js';
import type { StoreAccess } from '../store-access.js';

/** Bad lines named on standard error; the rest are counted. */
const BAD_LINES_SHOWN_MAX = 20;

export const loadCommand: CommandSpec = {
  usage: 'load <file>',
  summary: 'write every pair of an NDJSON file, - for standard input',
  description:
    'Writes each line {"key":"…","value":…} of a file. A string stays a string, other JSON stays what it is; ' +
    '"type":"bytes" says that the value is base64, "type":"cborBase64" that it is CBOR as base64; "ttlMs" gives the pair a life in milliseconds. ' +
    'Not atomic: what was written before an error stays. Loading the same file again is safe.',
  flags: (command) => {
    command
      .option('--on-error <choice>', 'what a bad line does: stop, or skip it and exit with 5 at the end', 'stop')
      .option('--in-flight <count>', 'batches in flight, 1 to 64', '8');
  },
  examples: [
    ['kvorum load users.ndjson', 'load a file'],
    ['zcat big.ndjson.gz | kvorum load -', 'load standard input'],
    ['kvorum load users.ndjson --on-error skip', 'go on after a bad line'],
    ['kvorum export --path old | kvorum load - --path new', 'copy a store'],
  ],
  run: async (invocation) => {
    const onError = String(invocation.flags.onError);
    if (onError !== 'stop' && onError !== 'skip') {
      throw new CliError('KV_USAGE', `--on-error must be stop or skip, not '${onError}'`);
    }
    const file = invocation.args[0];
    const totalBytes = file === '-' ? undefined : await fileBytes(file);
    const load = (access: StoreAccess) => loadFile(invocation, access, { file, totalBytes, onError });
    return withStore(invocation, { create: true }, load);
  },
};

interface Source {
  readonly file: string;
  readonly totalBytes: number | undefined;
  readonly onError: 'stop' | 'skip';
}

async function loadFile({ flags, output }: Invocation, access: StoreAccess, source: Source): Promise<number> {
  const startedAt = performance.now();
  const { file, totalBytes, onError } = source;
  const progress = await startProgress({ label: 'loading', totalBytes, quiet: output.json });
  const errors: BadLine[] = [];
  const chunks = file === '-' ? process.stdin : createReadStream(file, { highWaterMark: 256 * 1024 });
  try {
    const totals = await loadLines(access, readLines(chunks as AsyncIterable<Uint8Array>), {
      onError,
      inFlightMax: parseFlag('--in-flight', flags.inFlight, (text) => parseCount(text, { min: 1, max: 64 })),
      onProgress: (bytes, count) => progress.update(bytes, count),
      onBadLine: (bad) => {
        if (errors.push(bad) <= BAD_LINES_SHOWN_MAX) output.note(`kvorum: skipped line ${bad.line}: ${bad.fault}`);
        else errors.pop();
      },
    });
    progress.stop();
    const seconds = (performance.now() - startedAt) / 1_000;
    const perSecond = Math.round(rateOf(totals.loaded, startedAt));
    output.result({ ...totals, seconds: Number(seconds.toFixed(3)), perSecond, errors }, () => {
      const counts = `loaded ${formatNumber(totals.loaded, 'pair')}, skipped ${formatCount(totals.skipped)}`;
      return `${counts} (${formatBytes(totals.bytes)} in ${seconds.toFixed(1)} s, ${formatCount(perSecond)}/s)`;
    });
    return totals.skipped > 0 ? EXIT_CODES.input.code : EXIT_CODES.ok.code;
  } finally {
    progress.stop();
  }
}

async function fileBytes(file: string): Promise<number | undefined> {
  const about = await stat(file);
  if (about.isDirectory()) throw new CliError('KV_INPUT', `${file} is a directory`);
  return about.isFile() ? about.size : undefined;
}
