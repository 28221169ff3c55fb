/** Lines out of bytes: whatever the chunks, numbered, bounded. */
import test from 'ava';
import fc from 'fast-check';
import { type Line, readLines } from '../../src/cli/ndjson.js';

async function linesOf(chunks: readonly Uint8Array[], lineBytesMax?: number): Promise<Line[]> {
  async function* stream() {
    yield* chunks;
  }
  const lines: Line[] = [];
  for await (const some of readLines(stream(), lineBytesMax)) lines.push(...some);
  return lines;
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let from = 0;
  for (const size of sizes) {
    chunks.push(bytes.subarray(from, from + size));
    from += size;
  }
  return [...chunks, bytes.subarray(from)];
}

test('ndjson: any text in any chunks -> its lines that are not blank, with their numbers', async (t) => {
  const line = fc.string({ unit: 'grapheme' }).filter((text) => !/[\n\r]/.test(text) && !text.startsWith('\uFEFF'));
  await fc.assert(
    fc.asyncProperty(fc.array(line), fc.array(fc.nat(7)), fc.boolean(), async (texts, sizes, closed) => {
      const bytes = Buffer.from(texts.join('\n') + (closed && texts.length > 0 ? '\n' : ''));
      const expected = texts
        .map((text, index) => ({ number: index + 1, text }))
        .filter(({ text }) => text.trim() !== '');
      const found = (await linesOf(cut(bytes, sizes))).map((one) => ({
        number: one.number,
        text: 'text' in one && one.text,
      }));
      t.deepEqual(found, expected);
    }),
  );
});

test('ndjson: bytes of all lines -> add up to the input', async (t) => {
  const bytes = Buffer.from('{"a":1}\r\n{"b":"ä"}\nlast');
  const lines = await linesOf(cut(bytes, [3, 1, 9]));
  t.is(
    lines.reduce((sum, line) => sum + line.bytes, 0),
    bytes.length,
  );
  t.deepEqual(
    lines.map((line) => 'text' in line && line.text),
    ['{"a":1}', '{"b":"ä"}', 'last'],
  );
});

test('ndjson: a line beyond the bound -> a fault, and the lines around it are read', async (t) => {
  const lines = await linesOf(cut(Buffer.from(`ok\n${'x'.repeat(100)}\nfine\n`), [5, 20, 20, 20, 20]), 16);
  t.deepEqual(
    lines.map((line) => [line.number, 'fault' in line]),
    [
      [1, false],
      [2, true],
      [3, false],
    ],
  );
});

test('ndjson: bytes that are not UTF-8 -> a fault; a byte order mark -> cut', async (t) => {
  const lines = await linesOf([Buffer.from('\uFEFFa\n'), Buffer.from([0x22, 0xff, 0x22, 10])]);
  t.is('text' in lines[0] && lines[0].text, 'a');
  t.true('fault' in lines[1] && /UTF-8/.test(lines[1].fault));
});
