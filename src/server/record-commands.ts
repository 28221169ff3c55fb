/**
 * `KVORUM RECORDS` and `KVORUM RESTORE`: whole records as frames (record-frames.ts), out of one partition a page at a time,
 * and in. What `kvorum backup` and `kvorum restore` ask.
 */
import type { RecordsOptions, StoredRecord } from '../client/types.js';
import { bytesOf, jsonText, objectOf, parse, wholeNumber } from './admin-json.js';
import { type CommandSpec, command, type Handler } from './command-spec.js';
import { decodeFrames, encodeFrame } from './record-frames.js';

/** A page ends once it holds so many bytes. */
const PAGE_BYTES_MAX = 1024 * 1024;

export interface RecordPage {
  readonly frames: Buffer;
  readonly count: number;
  /** Where the next page continues; undefined at the end. */
  readonly after: Buffer | undefined;
}

/** Frames of some records, and the key that the next page follows. */
export async function recordPage(records: AsyncIterable<StoredRecord>): Promise<RecordPage> {
  const frames: Buffer[] = [];
  let bytes = 0;
  for await (const record of records) {
    const frame = encodeFrame(record);
    frames.push(frame);
    bytes += frame.length;
    if (bytes >= PAGE_BYTES_MAX) return { frames: Buffer.concat(frames), count: frames.length, after: record.key };
  }
  return { frames: Buffer.concat(frames), count: frames.length, after: undefined };
}

/** Replies with the frames, how many, and the last key or null. */
const records: Handler = async (args, { server }) => {
  const { frames, count, after } = await recordPage(server.store.records(recordsFromJson(args[2])));
  return (out) => {
    out.array(3);
    out.bulk(frames);
    out.integer(count);
    if (after === undefined) out.null();
    else out.bulk(after);
  };
};

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

function recordsFromJson(text: Buffer): RecordsOptions {
  const fields = objectOf(parse(text), ['partition', 'afterBase64', 'r']);
  return {
    partition: wholeNumber(fields, 'partition', 0),
    ...(fields.afterBase64 !== undefined && { gt: bytesOf(fields, 'afterBase64') }),
    ...(fields.r !== undefined && { r: wholeNumber(fields, 'r', 1) }),
  };
}

export const RECORD_COMMANDS: readonly CommandSpec[] = [
  command({
    name: 'records',
    arity: 3,
    access: 'read-all',
    syntax: '{"partition","afterBase64"?,"r"?}',
    summary: 'A page of whole records of a partition as frames, and where the next begins.',
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
