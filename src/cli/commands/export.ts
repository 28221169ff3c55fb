/**
 * `kvorum export [FILE]`: the inverse of load, one line a pair, in byte order of the keys. A file appears under its name
 * only when it is whole: the lines go to a neighbour first, which is synced and then renamed. A device or a named pipe takes
 * them as they come, and a symbolic link stays one.
 */
import { type FileHandle, open, realpath, rename, stat } from 'node:fs/promises';
import type { CommandSpec, Invocation } from '../command.js';
import { EXIT_CODES } from '../exit-codes.js';
import { withStore } from '../open-access.js';
import { formatPair } from '../pair-line.js';
import { rateOf, startProgress } from '../progress.js';
import { formatBytes, formatCount, formatNumber } from '../quantities.js';
import type { ScanRequest, StoreAccess } from '../store-access.js';
import { withTemporary } from '../temporary.js';
import { addRangeFlags, scanRequest } from './scan.js';

const WRITE_BYTES = 256 * 1024;

export const exportCommand: CommandSpec = {
  usage: 'export [file]',
  summary: 'write every pair as NDJSON, the inverse of load',
  description:
    'Writes one line {"key":"…","value":…} for each pair to a file, or to standard output. Bytes are base64 with ' +
    '"type":"bytes"; a value that JSON cannot carry (a date, a Map, a big integer, NaN, bytes inside an object, …) is its ' +
    'CBOR as base64 with "type":"cborBase64", so that load brings each back as it was. ' +
    'It is not a snapshot; expiry times are not part of it, and of siblings only the newest is. backup keeps all of that.',
  flags: addRangeFlags,
  examples: [
    ['kvorum export backup.ndjson', 'to a file, which appears when it is whole'],
    ['kvorum export | gzip > backup.ndjson.gz', 'to standard output'],
    ['kvorum export --prefix user: users.ndjson', 'some of the keys'],
  ],
  run: (invocation) =>
    withStore(invocation, { create: false }, async (access) => {
      const [file = '-'] = invocation.args;
      const request = { ...scanRequest(invocation.flags), exact: true };
      if (file === '-') await toStdout(invocation, access, request);
      else if (await isNoFile(file))
        await writeTo(invocation, access, { file, request, handle: await open(file, 'w') });
      else await toFile(invocation, access, { file, request });
      return EXIT_CODES.ok.code;
    }),
};

async function toStdout({ output }: Invocation, access: StoreAccess, request: ScanRequest): Promise<void> {
  for await (const { text } of pieces(access, request)) {
    if (!(await output.write(text))) return;
  }
}

/** Whether a device, a pipe or a socket has the name: a rename would put a file in its place. */
async function isNoFile(file: string): Promise<boolean> {
  const found = await stat(file).catch(() => undefined);
  return found !== undefined && !found.isFile() && !found.isDirectory();
}

interface Target {
  readonly file: string;
  readonly request: ScanRequest;
}

async function toFile(invocation: Invocation, access: StoreAccess, { file, request }: Target): Promise<void> {
  const whole = await realpath(file).catch(() => file);
  const partial = `${whole}.${process.pid}.partial`;
  await withTemporary(partial, async () => {
    const handle = await open(partial, 'wx', 0o600);
    await writeTo(invocation, access, { file, request, handle }, async () => {
      await handle.sync();
      await handle.close();
      await rename(partial, whole);
    });
  });
}

/** Writes all lines, finishes what they went to, and says what was written. */
async function writeTo(
  { output }: Invocation,
  access: StoreAccess,
  { file, request, handle }: Target & { readonly handle: FileHandle },
  finish: () => Promise<void> = () => handle.close(),
): Promise<void> {
  const startedAt = performance.now();
  const progress = await startProgress({ label: 'exporting', totalBytes: undefined, quiet: output.json });
  try {
    const { bytes, count } = await writeAll(handle, pieces(access, request), progress.update.bind(progress));
    await finish();
    progress.stop();
    const perSecond = Math.round(rateOf(count, startedAt));
    output.result({ file, exported: count, bytes, perSecond }, () => {
      return `exported ${formatNumber(count, 'pair')} to ${file} (${formatBytes(bytes)}, ${formatCount(perSecond)}/s)`;
    });
  } finally {
    progress.stop();
    await handle.close().catch(() => {});
  }
}

async function writeAll(
  handle: FileHandle,
  texts: AsyncIterable<{ text: string; count: number }>,
  onProgress: (bytes: number, count: number) => void,
): Promise<{ bytes: number; count: number }> {
  let bytes = 0;
  let total = 0;
  for await (const { text, count } of texts) {
    const piece = Buffer.from(text);
    await handle.writeFile(piece);
    bytes += piece.length;
    total += count;
    onProgress(bytes, total);
  }
  return { bytes, count: total };
}

async function* pieces(access: StoreAccess, request: ScanRequest): AsyncGenerator<{ text: string; count: number }> {
  let text = '';
  let count = 0;
  for await (const pair of access.scan(request)) {
    text += `${formatPair(pair)}\n`;
    count += 1;
    if (text.length < WRITE_BYTES) continue;
    yield { text, count };
    text = '';
    count = 0;
  }
  if (count > 0) yield { text, count };
}
