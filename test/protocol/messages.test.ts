import test from 'ava';
import fc from 'fast-check';
import { ERROR_CODES, type ErrorCode } from '../../src/core/errors.js';
import { bodyMessageBytes, encodeBody, putBody, readBody } from '../../src/protocol/body.js';
import { HEADER_WORDS, MessageView, putHeader } from '../../src/protocol/header.js';
import { BODY_BYTES_MAX, mailboxBytes, RECORD_BYTES_MAX, recordBytesMax } from '../../src/protocol/limits.js';
import { fieldOffsets, MESSAGES, type MessageName, NAME_OF_TAG } from '../../src/protocol/messages.js';
import {
  askedDurability,
  durabilityCode,
  durabilityName,
  durabilityOf,
  errorOf,
  failure,
  isSuccess,
  packOptions,
  quorumOf,
  replicasOf,
  success,
} from '../../src/protocol/outcome.js';

const names = Object.keys(MESSAGES) as MessageName[];

test('message table: tags -> unique, 1 to 255, and each names its message', (t) => {
  const tags = names.map((name) => MESSAGES[name].tag);
  t.is(new Set(tags).size, tags.length);
  for (const name of names) {
    t.true(MESSAGES[name].tag >= 1 && MESSAGES[name].tag <= 255);
    t.is(NAME_OF_TAG[MESSAGES[name].tag], name);
  }
  t.is(NAME_OF_TAG[0], undefined);
});

test('message table: fields -> behind the header, apart, u64 on even words, the body on an even word behind all', (t) => {
  for (const name of names) {
    const offsets = fieldOffsets(name);
    const taken = new Set<number>();
    for (const [field, type] of Object.entries(MESSAGES[name].fields)) {
      const words = type === 'u64' ? [offsets[field], offsets[field] + 1] : [offsets[field]];
      if (type === 'u64') t.is(offsets[field] % 2, 0, `${name}.${field}`);
      for (const word of words) {
        t.true(word >= HEADER_WORDS && word < offsets.body && !taken.has(word), `${name}.${field}`);
        taken.add(word);
      }
    }
    t.is(offsets.body % 2, 0, name);
  }
});

test('message table: each call -> a reply that ends it', (t) => {
  const answers: Partial<Record<MessageName, MessageName>> = {
    write: 'written',
    writeMany: 'wroteMany',
    mint: 'minted',
    mintMany: 'minted',
    mend: 'minted',
    mended: 'minted',
    replicate: 'replicated',
    replicateMany: 'replicatedMany',
    standIn: 'replicated',
    read: 'answered',
    fetch: 'fetched',
    scan: 'page',
    compare: 'compared',
    list: 'listed',
    exchange: 'exchanged',
    confirm: 'confirmed',
    prepare: 'promised',
    accept: 'voted',
    changeRing: 'ringChanged',
    pull: 'pulled',
    watch: 'changes',
  };
  for (const name of names.filter((one) => MESSAGES[one].kind === 'call')) {
    const answer = answers[name];
    t.is(answer === undefined ? undefined : MESSAGES[answer].kind, 'reply', name);
  }
});

test('header: any fields -> the view reads them where they stand', (t) => {
  const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
  const sizes = fc.integer({ min: 2, max: 0xff_ff_ff >>> 3 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 255 }), u32, u32, u32, sizes, (tag, to, from, request, units) => {
      const words = new Int32Array(32);
      const view = new MessageView();
      putHeader(words, 8, tag, units * 8, to, from, request);
      view.point(words, Buffer.from(words.buffer), 8);
      t.deepEqual([view.tag, view.size, view.to >>> 0, view.from >>> 0], [tag, units * 8, to, from]);
      t.is(view.request >>> 0, request);
      t.is(view.u32(3), request);
      t.is(view.end, 8 + units * 2);
    }),
  );
});

function bodyMessage(body: Uint8Array): MessageView {
  const bytes = bodyMessageBytes(4, body);
  const words = new Int32Array(bytes / 4);
  const view = new MessageView();
  putHeader(words, 0, 14, bytes, 0, 0, 0);
  putBody(words, new Uint8Array(words.buffer), 4, body);
  view.point(words, Buffer.from(words.buffer), 0);
  return view;
}

test('body: anything CBOR carries -> comes back, and owns its bytes', (t) => {
  const value = fc
    .jsonValue()
    .map((json) => JSON.stringify(json))
    .filter((text) => !text.includes('__proto__'))
    .map((text) => JSON.parse(text) as unknown);
  fc.assert(
    fc.property(value, (body) => {
      const view = bodyMessage(Uint8Array.from(encodeBody(body)));
      t.is(view.size % 8, 0);
      t.deepEqual(readBody(view, 4), body);
    }),
  );
  const view = bodyMessage(Uint8Array.from(encodeBody({ key: Uint8Array.from([1, 2, 3]) })));
  const { key } = readBody(view, 4) as { key: Uint8Array };
  view.words.fill(0);
  t.deepEqual([...key], [1, 2, 3]);
});

test('body: too long, or lengths and bytes that cannot be -> KV_PROTOCOL', (t) => {
  t.throws(() => encodeBody('x'.repeat(BODY_BYTES_MAX + 1)), { code: 'KV_PROTOCOL' });
  t.notThrows(() => encodeBody('x'.repeat(BODY_BYTES_MAX - 5)));
  const view = bodyMessage(Uint8Array.from(encodeBody({ a: 1 })));
  for (const length of [-1, BODY_BYTES_MAX + 1, view.size, 0x7fff_ffff]) {
    view.words[4] = length;
    t.throws(() => readBody(view, 4), { code: 'KV_PROTOCOL' }, String(length));
  }
  t.throws(() => readBody(bodyMessage(Uint8Array.from([0xbf, 0xff, 0x1c])), 4), { code: 'KV_PROTOCOL' });
  t.throws(() => readBody(bodyMessage(new Uint8Array(0)), 4), { code: 'KV_PROTOCOL' });
});

test('outcome: every error code, and every success -> comes back from its word', (t) => {
  for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
    t.false(isSuccess(failure(code)));
    t.is(errorOf(failure(code)), code);
  }
  t.is(errorOf(9_999), 'KV_INTERNAL');
  for (const [code, name] of ['none', 'interval', 'sync'].entries()) {
    t.is(durabilityName(code), name as 'none');
    t.is(durabilityCode(name as 'none'), code);
    const word = success(255, code);
    t.deepEqual([isSuccess(word), replicasOf(word), durabilityOf(word)], [true, 255, code]);
    const options = packOptions(255, code, 1 << 11);
    t.deepEqual([quorumOf(options), askedDurability(options)], [255, code]);
  }
});

test('limits: any pair size -> a power of two that holds sixteen, records of clients that pass in one piece, and four of which fit into one', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 64, max: 1024 * 1024 }), (pairBytesMax) => {
      const bytes = mailboxBytes(pairBytesMax);
      t.is(bytes & (bytes - 1), 0);
      t.true(bytes >= 16 * pairBytesMax);
      t.true(recordBytesMax(pairBytesMax) >= pairBytesMax + 256);
      t.true(recordBytesMax(pairBytesMax) + 8_192 <= bytes / 2);
      t.true(4 * recordBytesMax(pairBytesMax) <= RECORD_BYTES_MAX);
      t.is(recordBytesMax(pairBytesMax) % 8, 0);
    }),
  );
});
