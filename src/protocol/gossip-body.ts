/**
 * The body of a gossip message: part of a liveness table as one CBOR array of numbers, about 8 bytes an entry.
 *
 *   an entry:  (node - the one before, from -1) * 4 + state   incarnation   heartbeat
 *              and where the state is not up:  how many reporters   their nodes, ascending
 */
import { StoreError } from '../core/errors.js';
import { entryNumbers } from '../core/excerpt.js';
import { NODE_COUNT_MAX, nodeIndex } from '../core/ids.js';
import type { Liveness, Members, NodeState } from '../core/membership.js';
import { REPORTERS_MAX } from '../core/reporters.js';
import { encodeBody, readBody } from './body.js';
import { HEADER_WORDS, type MessageView } from './header.js';
import { GOSSIP_ENTRIES_MAX } from './limits.js';

const STATES: readonly NodeState[] = ['up', 'suspect', 'down'];

/** The entries as a message body, ascending by node; valid until the next body is encoded. */
export function encodeGossip(entries: Members): Uint8Array {
  const numbers: number[] = [];
  let before = -1;
  for (const { node, incarnation, heartbeat, state, reporters } of entries) {
    numbers.push((node - before) * 4 + STATES.indexOf(state), incarnation, heartbeat);
    if (state !== 'up') numbers.push(reporters.length, ...reporters);
    before = node;
  }
  return encodeBody(numbers);
}

/** The entries of a message. @throws StoreError KV_PROTOCOL for a body that is no table, or too large a one */
export function readGossip(message: MessageView): Members {
  const numbers = readBody(message, HEADER_WORDS);
  if (!Array.isArray(numbers) || !numbers.every(isCount)) throw malformed('holds more than numbers');
  const entries: Liveness[] = [];
  let before = -1;
  for (let at = 0; at < numbers.length; ) {
    const entry = readEntry(numbers, at, before);
    entries.push(entry);
    if (entries.length > GOSSIP_ENTRIES_MAX) throw malformed(`has more than ${GOSSIP_ENTRIES_MAX} entries`);
    before = entry.node;
    at += entryNumbers(entry);
  }
  return entries;
}

function readEntry(numbers: readonly number[], at: number, before: number): Liveness {
  const first = numbers[at];
  const incarnation = numbers[at + 1];
  const heartbeat = numbers[at + 2];
  const node = before + Math.floor(first / 4);
  const state = STATES[first % 4];
  if (node <= before || node >= NODE_COUNT_MAX || state === undefined || at + 2 >= numbers.length) {
    throw malformed(`breaks off or has no entry at ${at}`);
  }
  if (state === 'up') return { node: nodeIndex(node), incarnation, heartbeat, state, reporters: [] };
  const count = numbers[at + 3] ?? REPORTERS_MAX + 1;
  const reporters = numbers.slice(at + 4, at + 4 + count).map(nodeIndex);
  const isAscending = reporters.every((reporter, index) => index === 0 || reporter > reporters[index - 1]);
  if (count > REPORTERS_MAX || reporters.length < count || !isAscending || Number(reporters.at(-1)) >= NODE_COUNT_MAX) {
    throw malformed(`has ${count} reporters at ${at}`);
  }
  return { node: nodeIndex(node), incarnation, heartbeat, state, reporters };
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

const malformed = (what: string) => new StoreError('KV_PROTOCOL', `a gossip body ${what}`);
