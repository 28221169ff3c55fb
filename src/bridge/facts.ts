/** What a host that wants to join is told, as frames: plain data of up to FACTS_BYTES_MAX, cut into pieces. */
import { Encoder } from 'cbor-x';
import { StoreError } from '../core/errors.js';
import { BODY_WORD } from './block-pool.js';
import { ChunkAssembly } from './chunk-assembly.js';
import { allocateFrame } from './frame.js';
import type { Frame } from './frame-decoder.js';
import { readHostAddress } from './host-address.js';
import { CHUNK_PREFIX_WORDS } from './lane-queue.js';
import { FACTS_BYTES_MAX, FRAME_HEADER_BYTES, PAYLOAD_BYTES_MAX } from './limits.js';
import { decodePlain, packedFrame, type UnsealedFrame } from './plain-frame.js';
import { violation } from './refusal.js';
import type { HostAddress } from './types.js';

export interface ClusterFacts {
  readonly facts: unknown;
  readonly hosts: readonly HostAddress[];
}

const encoder = new Encoder({ useRecords: false, tagUint8Array: false });

/** @throws StoreError KV_INTERNAL for more than FACTS_BYTES_MAX */
export function factsFrames(facts: ClusterFacts): UnsealedFrame[] {
  const { frame, bodyBytes } = packedFrame(encoder.encode(facts));
  if (bodyBytes > FACTS_BYTES_MAX)
    throw new StoreError('KV_INTERNAL', `the facts of the cluster have ${bodyBytes} bytes`);
  const frames: UnsealedFrame[] = [];
  for (let from = 0; from < bodyBytes; from += PAYLOAD_BYTES_MAX) {
    const size = Math.min(PAYLOAD_BYTES_MAX, bodyBytes - from);
    const piece = allocateFrame(CHUNK_PREFIX_WORDS * 4 + size);
    piece.words.set([bodyBytes, from], BODY_WORD);
    const start = FRAME_HEADER_BYTES + from;
    piece.bytes.set(frame.bytes.subarray(start, start + size), FRAME_HEADER_BYTES + CHUNK_PREFIX_WORDS * 4);
    frames.push({ frame: piece, bodyBytes: CHUNK_PREFIX_WORDS * 4 + size });
  }
  return frames;
}

/** Puts the facts together again. */
export class FactsReader {
  readonly #assembly = new ChunkAssembly(FACTS_BYTES_MAX);

  /** The facts, once the last piece is here. @throws StoreError KV_PROTOCOL */
  add({ words, bytes, bodyBytes }: Frame): ClusterFacts | undefined {
    const start = FRAME_HEADER_BYTES + CHUNK_PREFIX_WORDS * 4;
    const end = FRAME_HEADER_BYTES + bodyBytes;
    if (end <= start) throw violation('chunk', 'an empty piece');
    const whole = this.#assembly.add(words[BODY_WORD], words[BODY_WORD + 1], bytes.subarray(start, end));
    if (whole === undefined) return undefined;
    const length = whole.words[0];
    if (length < 0 || length > whole.bytes.length - 4) throw violation('malformed', `facts of ${length} bytes`);
    return readFacts(decodePlain(whole.bytes.subarray(4, 4 + length)));
  }
}

function readFacts(value: unknown): ClusterFacts {
  const { facts, hosts } = (value ?? {}) as Record<string, unknown>;
  if (!Array.isArray(hosts)) throw violation('malformed', 'facts without hosts');
  return { facts, hosts: hosts.map(readHostAddress).filter((host) => host !== undefined) };
}
