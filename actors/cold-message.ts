/** Sends messages whose body is CBOR: never on the way of a get or a put. */
import type { Env, Outbound } from '../src/actor/env.js';
import { bodyMessageBytes, encodeBody, putBody } from '../src/protocol/body.js';
import { HEADER_WORDS } from '../src/protocol/header.js';
import type { Kind } from '../src/protocol/messages.js';

/** The message, its body filled in behind the fields; undefined where there is no room for it. */
export function sendCold(
  env: Env,
  tag: Kind,
  to: number,
  body: unknown,
  { request = 0, bodyWord = HEADER_WORDS } = {},
): Outbound | undefined {
  const encoded = encodeBody(body);
  const out = env.open(tag, to, request, bodyMessageBytes(bodyWord, encoded));
  if (out !== undefined) putBody(out.words, out.bytes, out.at + bodyWord, encoded);
  return out;
}
