/**
 * `KVORUM RECORDS` and `KVORUM RESTORE`: whole records as frames (record-frames.ts), out of one partition a page at a time,
 * and in. What `kvorum backup` and `kvorum restore` ask.
 */
import type { InstantReport, RecordsOptions, StoredRecord } from '../client/types.js';
import { invalidOption } from '../core/option-check.js';
import { bytesOf, objectOf, parse, wholeNumber } from './admin-json.js';
import { type CommandSpec, command, type Handler, type Reply } from './command-spec.js';
import type { RecordCursors } from './record-cursors.js';
import { decodeFrames, encodeFrame } from './record-frames.js';
import type { RespWriter } from './resp-writer.js';
import type { ServerContext } from './session.js';
import { jsonText } from './value-json.js';

/** A page ends once it holds so many bytes. */
const PAGE_BYTES_MAX = 1024 * 1024;

export interface RecordPage {
  readonly frames: Buffer;
  readonly count: number;
  /** Where the next page continues; undefined at the end. */
  readonly after: Buffer | undefined;
}

/** Frames of the next records, and the key that the next page follows; the rest can be asked for again. */
export async function recordPage(records: AsyncIterator<StoredRecord>): Promise<RecordPage> {
  const frames: Buffer[] = [];
  let bytes = 0;
  for (;;) {
    const { done, value: record } = await records.next();
    if (done === true) return { frames: Buffer.concat(frames), count: frames.length, after: undefined };
    const frame = encodeFrame(record);
    frames.push(frame);
    bytes += frame.length;
    if (bytes >= PAGE_BYTES_MAX) return { frames: Buffer.concat(frames), count: frames.length, after: record.key };
  }
}

/** Replies with the frames, how many, and the last key or null; of one instant, see `instantPages`. */
const records: Handler = async (args, { server }) => {
  const { cursor, isInstant, options } = recordsFromJson(args[2]);
  if (cursor !== undefined) return morePages(cursor, server.recordCursors);
  if (isInstant) return instantPages(options, server);
  const iterator = server.store.records(options)[Symbol.asyncIterator]();
  try {
    const page = await recordPage(iterator);
    return (out) => {
      out.array(3);
      putPage(out, page);
    };
  } finally {
    await iterator.return?.();
  }
};

/** Replies with two more: the cursor by which to go on, or null, and whether all is of one instant, as JSON. */
async function instantPages(
  options: RecordsOptions,
  { store, recordCursors, dataPath }: ServerContext,
): Promise<Reply> {
  const reports: InstantReport[] = [];
  const onInstant = (report: InstantReport) => void reports.push(report);
  const spillTo = dataPath === '' ? {} : { spillTo: dataPath };
  const waiting = store.records({ ...options, ...spillTo, onInstant })[Symbol.asyncIterator]();
  const cursor = recordCursors.add(waiting);
  // too many are kept: the partition is read as without being asked for an instant
  const iterator = cursor === undefined ? store.records(options)[Symbol.asyncIterator]() : waiting;
  let page: RecordPage;
  try {
    page = await recordPage(iterator);
  } catch (thrown) {
    if (cursor !== undefined) recordCursors.end(cursor);
    throw thrown;
  }
  const [report = { instant: false, reason: 'too-busy' }] = reports;
  const isKept = cursor !== undefined && page.after !== undefined && report.instant;
  if (cursor !== undefined && isKept) recordCursors.rest(cursor);
  else if (cursor !== undefined) recordCursors.end(cursor);
  else await iterator.return?.();
  return (out) => {
    out.array(5);
    putPage(out, page);
    if (isKept) out.integer(cursor);
    else out.null();
    out.bulkText(jsonText(report));
  };
}

async function morePages(cursor: number, cursors: RecordCursors): Promise<Reply> {
  const iterator = cursors.take(cursor);
  if (iterator === undefined) {
    throw invalidOption('cursor', 'the cursor is unknown, too old or in use; ask for the partition from its beginning');
  }
  let page: RecordPage;
  try {
    page = await recordPage(iterator);
  } catch (thrown) {
    cursors.end(cursor);
    throw thrown;
  }
  if (page.after === undefined) cursors.end(cursor);
  else cursors.rest(cursor);
  return (out) => {
    out.array(3);
    putPage(out, page);
  };
}

function putPage(out: RespWriter, { frames, count, after }: RecordPage): void {
  out.bulk(frames);
  out.integer(count);
  if (after === undefined) out.null();
  else out.bulk(after);
}

/** The frames may be cut into several arguments, so that each stays within the bounds of one. */
const restore: Handler = async (args, { server }) => {
  const { written, unchanged, failed } = await server.store.restore(decodeFrames(Buffer.concat(args.slice(2))));
  const text = jsonText({
    written,
    unchanged,
    failed: failed.map(({ key, ...rest }) => ({ keyBase64: key.toString('base64'), ...rest })),
  });
  return (out) => out.bulkText(text);
};

function recordsFromJson(text: Buffer) {
  const fields = objectOf(parse(text), ['partition', 'afterBase64', 'r', 'instant', 'cursor']);
  const options: RecordsOptions = {
    partition: fields.cursor === undefined ? wholeNumber(fields, 'partition', 0) : 0,
    ...(fields.afterBase64 !== undefined && { gt: bytesOf(fields, 'afterBase64') }),
    ...(fields.r !== undefined && { r: wholeNumber(fields, 'r', 1) }),
  };
  const cursor = fields.cursor === undefined ? undefined : wholeNumber(fields, 'cursor', 1);
  return { options, cursor, isInstant: fields.instant === true };
}

export const RECORD_COMMANDS: readonly CommandSpec[] = [
  command({
    name: 'records',
    arity: 3,
    access: 'read-all',
    syntax: '{"partition","afterBase64"?,"r"?,"instant"?} or {"cursor"}',
    summary: 'A page of whole records of a partition as frames, and where the next begins; of one instant if possible.',
    handler: records,
  }),
  command({
    name: 'restore',
    arity: -3,
    access: 'write-all',
    syntax: 'frames ...',
    summary: 'Writes such records where they are not there already.',
    handler: restore,
  }),
];
