/**
 * How a message is described, and where its fields stand: a header of four words, then the fields in the order given, then
 * the body. `u32` takes a word; `u64` two and starts on an even word.
 */
import { assert } from '../core/errors.js';
import { HEADER_WORDS } from './header.js';

type FieldType = 'u32' | 'u64';

/** What the bytes after the fields are. */
type Body = 'none' | 'record' | 'record+context' | 'key' | 'records' | 'cbor' | 'bytes';

export interface MessageSpec {
  readonly tag: number;
  /** A cast expects nothing, a call a reply, a reply ends a call. */
  readonly kind: 'cast' | 'call' | 'reply';
  readonly fields: Readonly<Record<string, FieldType>>;
  readonly body: Body;
  readonly summary: string;
}

/** Word offset of each field of a message, and of its body under `body`. */
export function offsetsOf({ fields }: MessageSpec): Readonly<Record<string, number>> {
  const offsets: Record<string, number> = {};
  let word = HEADER_WORDS;
  for (const [field, type] of Object.entries(fields)) {
    if (type === 'u64' && word % 2 !== 0) word++;
    offsets[field] = word;
    word += type === 'u64' ? 2 : 1;
  }
  offsets.body = (word + 1) & ~1;
  return offsets;
}

/** Asserts that the constants which handlers use are what the table says. */
export function checkLayout(spec: MessageSpec, tag: number, constants: Readonly<Record<string, number>>): void {
  assert(spec.tag === tag, `the tag of message ${tag}`);
  const offsets = offsetsOf(spec);
  for (const [field, word] of Object.entries(constants)) assert(offsets[field] === word, `offset of ${tag}.${field}`);
}
