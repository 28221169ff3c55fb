/** The reply writer: the bytes of each type in both protocols, growth, takes and cuts. */
import test from 'ava';
import fc from 'fast-check';
import { RespReplyParser } from '../../src/server/resp-reply-parser.js';
import { type RespProtocol, RespWriter } from '../../src/server/resp-writer.js';

function written(protocol: RespProtocol, write: (out: RespWriter) => void): string {
  const out = new RespWriter();
  out.protocol = protocol;
  write(out);
  return out.take().toString();
}

const cases: readonly (readonly [string, (out: RespWriter) => void, string, string])[] = [
  ['status', (out) => out.ok(), '+OK\r\n', '+OK\r\n'],
  ['error', (out) => out.error('ERR two\r\nlines'), '-ERR two lines\r\n', '-ERR two lines\r\n'],
  ['integer', (out) => out.integer(-123_456), ':-123456\r\n', ':-123456\r\n'],
  [
    'small integers',
    (out) => void [out.integer(7), out.integer(42), out.integer(100)],
    ':7\r\n:42\r\n:100\r\n',
    ':7\r\n:42\r\n:100\r\n',
  ],
  ['large integer', (out) => out.integer(2 ** 53 - 1), ':9007199254740991\r\n', ':9007199254740991\r\n'],
  ['bulk string', (out) => out.bulk(Buffer.from('a\r\nb')), '$4\r\na\r\nb\r\n', '$4\r\na\r\nb\r\n'],
  ['text', (out) => out.bulkText('né'), '$3\r\nné\r\n', '$3\r\nné\r\n'],
  ['null', (out) => out.null(), '$-1\r\n', '_\r\n'],
  ['boolean', (out) => out.boolean(true), ':1\r\n', '#t\r\n'],
  ['double', (out) => out.double(1.5), '$3\r\n1.5\r\n', ',1.5\r\n'],
  ['infinite double', (out) => out.double(-Infinity), '$4\r\n-inf\r\n', ',-inf\r\n'],
  ['big number', (out) => out.bigNumber(2n ** 70n), '$22\r\n1180591620717411303424\r\n', '(1180591620717411303424\r\n'],
  ['array', (out) => out.array(12), '*12\r\n', '*12\r\n'],
  ['map', (out) => out.map(3), '*6\r\n', '%3\r\n'],
  ['set', (out) => out.set(3), '*3\r\n', '~3\r\n'],
];
for (const [what, write, resp2, resp3] of cases) {
  test(`writer: ${what} -> its bytes in RESP2 and RESP3`, (t) => {
    t.is(written(2, write), resp2);
    t.is(written(3, write), resp3);
  });
}

test('writer: any values, larger than a block too -> the reply parser reads them back', (t) => {
  const value = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.nat(200_000).map((length) => Buffer.alloc(length, 'v')),
  );
  fc.assert(
    fc.property(fc.array(value, { maxLength: 12 }), fc.nat(12), (values, takeAt) => {
      const out = new RespWriter();
      const taken: Buffer[] = [];
      values.forEach((bytes, index) => {
        out.bulk(bytes);
        if (index === takeAt) taken.push(out.take());
      });
      taken.push(out.take());
      const parser = new RespReplyParser();
      for (const chunk of taken) parser.push(chunk);
      for (const bytes of values) t.true((parser.next() as Buffer).equals(bytes));
      t.is(parser.next(), undefined);
    }),
    { numRuns: 50 },
  );
});

test('writer: text of any script -> its UTF-8 bytes and their number', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const expected = Buffer.from(text);
      t.is(
        written(2, (out) => out.bulkText(text)),
        `$${expected.length}\r\n${expected}\r\n`,
      );
    }),
  );
});

test('writer: cut and truncate -> only what was written behind the mark goes', (t) => {
  const out = new RespWriter();
  out.ok();
  const mark = out.length;
  out.integer(5);
  t.is(out.cut(mark).toString(), ':5\r\n');
  out.bulk(Buffer.alloc(100_000));
  out.truncate(mark);
  t.is(out.take().toString(), '+OK\r\n');
});

test('writer: bytes that were taken -> later replies never change them', (t) => {
  const out = new RespWriter();
  const taken: Buffer[] = [];
  for (let count = 0; count < 20_000; count++) {
    out.integer(count);
    taken.push(out.take());
  }
  t.true(taken.every((bytes, count) => bytes.toString() === `:${count}\r\n`));
});
