/** The reply parser of kvorum's own client: any split of any reply gives the same value; broken bytes are refused. */
import test from 'ava';
import fc from 'fast-check';
import { StoreError } from '../../src/core/errors.js';
import { RespReplyError, RespReplyParser, type RespValue } from '../../src/server/resp-reply-parser.js';
import { RespWriter } from '../../src/server/resp-writer.js';

const { value: replies } = fc.letrec<{ value: RespValue; array: RespValue[] }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.integer(),
    fc.constantFrom('OK', 'PONG'),
    fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes)),
    tie('array'),
  ),
  array: fc.array(tie('value'), { maxLength: 4 }),
}));

function write(out: RespWriter, value: RespValue): void {
  if (value === null) out.null();
  else if (typeof value === 'number') out.integer(value);
  else if (typeof value === 'string') out.simple(value);
  else if (Array.isArray(value)) {
    out.array(value.length);
    for (const element of value) write(out, element);
  } else out.bulk(value as Buffer); // the generator makes no errors
}

test('reply parser: any values in any chunks -> the same values', (t) => {
  fc.assert(
    fc.property(fc.array(replies, { maxLength: 5 }), fc.integer({ min: 1, max: 9 }), (values, step) => {
      const out = new RespWriter();
      for (const value of values) write(out, value);
      const stream = out.take();
      const parser = new RespReplyParser();
      const seen: RespValue[] = [];
      for (let at = 0; at < stream.length; at += step) {
        parser.push(Buffer.from(stream.subarray(at, at + step)));
        for (let value = parser.next(); value !== undefined; value = parser.next()) seen.push(value);
      }
      t.deepEqual(seen, values);
    }),
  );
});

test('reply parser: an error -> its code and message apart', (t) => {
  const parser = new RespReplyParser();
  parser.push(Buffer.from('-KV_OVERLOADED slow down\r\n'));
  const error = parser.next() as RespReplyError;
  t.true(error instanceof RespReplyError);
  t.deepEqual([error.code, error.message], ['KV_OVERLOADED', 'slow down']);
});

for (const text of [
  '$999999999999\r\n',
  '*-5\r\n',
  '?\r\n',
  ':1.5\r\n',
  '*1\r\n'.repeat(9),
  `+${'a'.repeat(70_000)}`,
]) {
  test(`reply parser: ${JSON.stringify(text.slice(0, 24))} -> KV_PROTOCOL`, (t) => {
    const parser = new RespReplyParser();
    parser.push(Buffer.from(text));
    t.throws(() => parser.next(), { instanceOf: StoreError, code: 'KV_PROTOCOL' });
  });
}
