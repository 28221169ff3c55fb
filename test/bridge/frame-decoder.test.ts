import test from 'ava';
import fc from 'fast-check';
import { allocateFrame, FrameType, sealFrame } from '../../src/bridge/frame.js';
import { type Frame, FrameDecoder } from '../../src/bridge/frame-decoder.js';
import { FRAME_BODY_BYTES_MAX, FRAME_HEADER_BYTES, GREETING_BODY_BYTES_MAX } from '../../src/bridge/limits.js';
import { type RefusalReason, reasonOf } from '../../src/bridge/refusal.js';

interface Sent {
  readonly type: FrameType;
  readonly lane: number;
  readonly body: Uint8Array;
}

const sent: fc.Arbitrary<Sent> = fc.record({
  type: fc.integer({ min: FrameType.hello, max: FrameType.bye }),
  lane: fc.nat(2),
  body: fc.nat(40).chain((units) => fc.uint8Array({ minLength: units * 8, maxLength: units * 8 })),
});

function sealed({ type, lane, body }: Sent, sequence: number): Buffer {
  const frame = allocateFrame(body.length);
  frame.bytes.set(body, FRAME_HEADER_BYTES);
  return sealFrame(frame, { type, lane }, body.length, sequence);
}

const bytesOf = (frames: readonly Sent[]): Buffer => Buffer.concat(frames.map(sealed));

const copyOf = ({ type, lane, bytes, bodyBytes }: Frame): Sent => ({
  type,
  lane,
  body: Uint8Array.from(bytes.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + bodyBytes)),
});

/** Why the decoder refuses these bytes; undefined where it does not. */
function refusalOf(bytes: Uint8Array, decoder = new FrameDecoder()): RefusalReason | undefined {
  try {
    decoder.feed(bytes, () => true);
    return undefined;
  } catch (thrown) {
    return reasonOf(thrown);
  }
}

function header(bodyBytes: number, change: (bytes: Buffer) => void = () => undefined): Buffer {
  const bytes = Buffer.from(sealed({ type: FrameType.hello, lane: 0, body: new Uint8Array(0) }, 0));
  bytes.writeUInt32LE(bodyBytes, 0);
  change(bytes);
  return bytes;
}

test('frame decoder: frames in pieces of any size, a byte at a time too -> the same frames', (t) => {
  const cuts = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(fc.array(sent, { maxLength: 12 }), cuts, (frames, sizes) => {
      const bytes = bytesOf(frames);
      for (const pieces of [sizes, [1], [bytes.length + 1]]) {
        const decoder = new FrameDecoder();
        const got: Sent[] = [];
        for (let at = 0, i = 0; at < bytes.length; at += pieces[i++ % pieces.length]) {
          decoder.feed(bytes.subarray(at, at + pieces[i % pieces.length]), (frame) => got.push(copyOf(frame)) > 0);
        }
        t.deepEqual(got, frames);
      }
    }),
  );
});

test('frame decoder: one bit of a frame turned over -> refused, or the frame never ends', (t) => {
  fc.assert(
    fc.property(sent, fc.nat(), (frame, at) => {
      const bytes = sealed(frame, 0);
      const bit = at % (bytes.length * 8);
      bytes[bit >>> 3] ^= 1 << (bit & 7);
      let taken = 0;
      try {
        new FrameDecoder().feed(bytes, () => ++taken > 0);
      } catch (thrown) {
        t.not(reasonOf(thrown), 'internal');
      }
      t.is(taken, 0);
    }),
  );
});

for (const [what, bytes, reason] of [
  ['a length of 4 GB', header(0xffff_fff8), 'length'],
  ['a length that is no multiple of 8', header(12), 'length'],
  ['a greeting larger than a greeting', header(GREETING_BODY_BYTES_MAX + 8), 'length'],
  ['type 0', header(0, (frame) => frame.writeUInt8(0, 8)), 'frame-type'],
  ['an unknown type', header(0, (frame) => frame.writeUInt8(14, 8)), 'frame-type'],
  ['lane 3', header(0, (frame) => frame.writeUInt8(3, 9)), 'lane'],
  ['something reserved', header(0, (frame) => frame.writeUInt16LE(1, 10)), 'lane'],
  ['a frame out of sequence', header(0, (frame) => frame.writeUInt32LE(1, 12)), 'sequence'],
  ['a wrong checksum', header(0, (frame) => frame.writeUInt32LE(1, 4)), 'checksum'],
] as const) {
  test(`frame decoder: ${what} -> refused: ${reason}`, (t) => {
    t.is(refusalOf(bytes), reason);
  });
}

test('frame decoder: a length of 4 GB -> nothing is allocated for it', (t) => {
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 1_000; i++) refusalOf(header(0xffff_fff8));
  t.true(process.memoryUsage().arrayBuffers - before < 16 * 1024 * 1024);
});

test('frame decoder: a large frame -> only once the peer is trusted', (t) => {
  const large = sealed({ type: FrameType.data, lane: 1, body: new Uint8Array(FRAME_BODY_BYTES_MAX) }, 0);
  t.is(refusalOf(large), 'length');
  const decoder = new FrameDecoder();
  decoder.trust();
  t.is(refusalOf(large, decoder), undefined);
  const decoderOfTooLarge = new FrameDecoder();
  decoderOfTooLarge.trust();
  t.is(refusalOf(header(FRAME_BODY_BYTES_MAX + 8), decoderOfTooLarge), 'length');
});

test('frame decoder: trusted between two frames of one read -> what follows may be large', (t) => {
  const decoder = new FrameDecoder();
  const body = new Uint8Array(60_000);
  const bytes = bytesOf([
    { type: FrameType.welcome, lane: 0, body: new Uint8Array(8) },
    { type: FrameType.data, lane: 1, body },
  ]);
  const types: number[] = [];
  decoder.feed(bytes, ({ type }) => {
    types.push(type);
    decoder.trust();
    return true;
  });
  t.deepEqual(types, [FrameType.welcome, FrameType.data]);
});
