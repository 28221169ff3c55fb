/** The request parser: any split of a valid stream gives the same commands; any bytes at all give commands or one error. */
import test from 'ava';
import fc from 'fast-check';
import { StoreError } from '../../src/core/errors.js';
import { RESP_LIMITS, type RespLimits, RespParser } from '../../src/server/resp-parser.js';

const LIMITS: RespLimits = { argumentsMax: 8, argumentBytesMax: 64, commandBytesMax: 128, inlineBytesMax: 80 };

function encode(command: readonly Uint8Array[]): Buffer {
  const parts = command.map((argument) =>
    Buffer.concat([Buffer.from(`$${argument.length}\r\n`), argument, Buffer.from('\r\n')]),
  );
  return Buffer.concat([Buffer.from(`*${command.length}\r\n`), ...parts]);
}

/** Parses chunks to the end: commands as hexadecimal text, then the error if there was one. */
function parse(chunks: readonly Buffer[], limits: RespLimits = LIMITS): string[] {
  const parser = new RespParser(limits);
  const seen: string[] = [];
  try {
    for (const chunk of chunks) {
      parser.push(chunk);
      for (let command = parser.next(); command !== undefined; command = parser.next()) {
        seen.push(command.map((argument) => argument.toString('hex')).join(' '));
      }
    }
  } catch (thrown) {
    if (!(thrown instanceof StoreError) || thrown.code !== 'KV_PROTOCOL') throw thrown;
    seen.push(thrown.message);
  }
  return seen;
}

/** Cuts a stream at the given places. */
function split(stream: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [0, ...cuts.map((cut) => cut % (stream.length + 1)).sort((a, b) => a - b), stream.length];
  return at.slice(1).map((end, index) => Buffer.from(stream.subarray(at[index], end)));
}

const bytes = (maxLength: number) => fc.uint8Array({ minLength: 0, maxLength }).map((array) => Buffer.from(array));
const commands = fc.array(fc.array(bytes(24), { minLength: 1, maxLength: 5 }), { maxLength: 8 });
const cuts = fc.array(fc.nat(), { maxLength: 24 });

test('parser: any split of a valid stream -> the same commands', (t) => {
  fc.assert(
    fc.property(commands, cuts, (given, at) => {
      const stream = Buffer.concat(given.map(encode));
      const expected = given.map((command) => command.map((argument) => argument.toString('hex')).join(' '));
      t.is(parse(split(stream, at)).join(), expected.join());
      t.is(parse([...stream].map((byte) => Buffer.from([byte]))).join(), expected.join());
    }),
    { numRuns: 150 },
  );
});

test('parser: any split of mutated or random bytes -> what the whole gives, commands and error alike', (t) => {
  const mutated = fc
    .tuple(commands, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.boolean())
    .map(([given, changes, inline]) => {
      const stream = inline
        ? Buffer.from(
            given.map((words) => `${words.map((word) => word.latin1Slice()).join(' ')}\r\n`).join(''),
            'latin1',
          )
        : Buffer.concat(given.map(encode));
      for (const [at, byte] of changes) if (stream.length > 0) stream[at % stream.length] = byte;
      return stream;
    });
  fc.assert(
    fc.property(fc.oneof(mutated, bytes(200)), cuts, (stream, at) => {
      const whole = parse([Buffer.from(stream)]);
      t.is(parse(split(stream, at)).join(), whole.join());
      t.is(parse([...stream].map((byte) => Buffer.from([byte]))).join(), whole.join());
    }),
    { numRuns: 400 },
  );
});

test('parser: a chunk that holds the whole command -> arguments are views of it, without a copy', (t) => {
  const parser = new RespParser(LIMITS);
  const chunk = encode([Buffer.from('GET'), Buffer.from('key')]);
  parser.push(chunk);
  const command = parser.next();
  t.is(command?.[1].buffer, chunk.buffer);
  t.is(command?.[1].toString(), 'key');
  t.is(parser.bufferedBytes, 0);
});

test('parser: arguments handed out -> later bytes never change them', (t) => {
  const parser = new RespParser(LIMITS);
  const stream = Buffer.concat([
    encode([Buffer.from('one')]),
    encode([Buffer.from('two')]),
    encode([Buffer.from('six')]),
  ]);
  const seen: Buffer[] = [];
  for (const byte of stream) {
    parser.push(Buffer.from([byte]));
    const command = parser.next();
    if (command !== undefined) seen.push(...command);
  }
  t.deepEqual(
    seen.map((argument) => argument.toString()),
    ['one', 'two', 'six'],
  );
});

const refused: readonly (readonly [string, string, string])[] = [
  ['too many arguments', '*9\r\n', 'invalid multibulk length'],
  ['a huge count', '*99999999999\r\n', 'invalid multibulk length'],
  ['a count without digits', '*\r\n', 'invalid multibulk length'],
  ['an argument above its maximum', '*1\r\n$65\r\n', 'invalid bulk length'],
  ['a negative argument length', '*1\r\n$-1\r\n', 'invalid bulk length'],
  ['a length with a sign', '*1\r\n$+1\r\n', 'invalid bulk length'],
  [
    'arguments above the maximum together',
    `*3\r\n$64\r\n${'a'.repeat(64)}\r\n$64\r\n${'a'.repeat(64)}\r\n$1\r\n`,
    'too big command',
  ],
  ['something else than a bulk string', '*1\r\n:1\r\n', "expected '$', got ':'"],
  ['an argument longer than it said', '*1\r\n$1\r\nab\r\n', 'expected CRLF after an argument'],
  ['an inline command above its maximum', 'a'.repeat(81), 'too big inline request'],
  ['an inline line above its maximum, line end included', `${'a'.repeat(80)}\n`, 'too big inline request'],
  ['inline words above the maximum', 'a a a a a a a a a\n', 'too many words in request'],
  ['quotes that do not match', 'SET "a\r\n', 'unbalanced quotes in request'],
  ['a quote in front of a letter', 'SET "a"b c\r\n', 'unbalanced quotes in request'],
];
for (const [what, text, complaint] of refused) {
  test(`parser: ${what} -> "${complaint}", and the same at every further call`, (t) => {
    const parser = new RespParser(LIMITS);
    parser.push(Buffer.from(text));
    const first = t.throws(() => parser.next(), { instanceOf: StoreError, code: 'KV_PROTOCOL' });
    t.is(first?.message, `Protocol error: ${complaint}`);
    parser.push(encode([Buffer.from('PING')]));
    t.is(
      t.throws(() => parser.next()),
      first,
    );
  });
}

test('parser: empty arrays and empty lines -> skipped', (t) => {
  t.deepEqual(parse([Buffer.from('*0\r\n\r\n*-1\r\n   \r\nPING\n')]), ['50494e47']);
});

test('parser: inline words with quotes and escapes -> their bytes', (t) => {
  const line = `${String.raw`SET "a \"b\" \x00\n" 'c\'d\n' pre"fix"`}\r\n`;
  const words = parse([Buffer.from(line)])[0].split(' ');
  t.deepEqual(
    words.map((word) => Buffer.from(word, 'hex').toString('latin1')),
    ['SET', 'a "b" \0\n', "c'd\\n", 'prefix'],
  );
});

test('parser: one megabyte in chunks of one byte -> linear time', (t) => {
  const limits = RESP_LIMITS;
  const time = (length: number): number => {
    const stream = encode([Buffer.from('SET'), Buffer.from('k'), Buffer.alloc(length, 'x')]);
    const chunks = [...stream].map((byte) => Buffer.from([byte]));
    const parser = new RespParser(limits);
    const startedAt = performance.now();
    let found = 0;
    for (const chunk of chunks) {
      parser.push(chunk);
      if (parser.next() !== undefined) found += 1;
    }
    t.is(found, 1);
    return performance.now() - startedAt;
  };
  time(100_000);
  const fastest = (length: number) => Math.min(time(length), time(length), time(length));
  const small = fastest(125_000);
  const large = fastest(1_000_000);
  t.true(large < 40 * small + 100, `8 times the bytes took ${(large / small).toFixed(1)} times as long`);
});

test('parser: an inline line in chunks of one byte -> is not searched again from its start', (t) => {
  const parser = new RespParser({ ...LIMITS, inlineBytesMax: 2_000_000 });
  const startedAt = performance.now();
  const one = Buffer.from('a');
  for (let count = 0; count < 1_000_000; count++) {
    parser.push(one);
    parser.next();
  }
  // a search from the start each time takes many minutes
  t.true(performance.now() - startedAt < 30_000);
});

test('parser: the largest pair of a store -> fits the usual bounds, base64 and JSON escapes included', (t) => {
  const { argumentBytesMax, commandBytesMax } = RESP_LIMITS;
  t.true(argumentBytesMax >= 6 * 1024 * 1024);
  t.true(commandBytesMax >= argumentBytesMax);
});
