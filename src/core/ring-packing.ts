/**
 * A ring state in few bytes, as it travels between nodes and lies on their disks; `ringToPlain` is its form for people. What
 * recurs stands in a table once (ring-tables.ts), and of a partition that moves the new list is told against the old one.
 *
 *   format (8 bits) | epoch, partitions, n, failure domain | tables of texts and members | members | hosts | leavers
 *   | epochs of the partitions | nodes of the lists | lists | 1 bit: is there a move?
 *   | id, kind, failure domain | members | nodes gone | of each partition its phase and, unless it is settled, its next list
 */
import { BitReader, BitWriter, malformed, widthOf } from './bit-stream.js';
import { assert, StoreError } from './errors.js';
import type { HostClaim } from './host-claims.js';
import { epoch, NODE_COUNT_MAX, nodeIndex, SLOT_COUNT } from './ids.js';
import { ListReader, ListWriter } from './list-packing.js';
import type { FailureDomain } from './options.js';
import { N_MAX, type Placement } from './ring.js';
import { type ChangeKind, Phase, type RingMove, type RingState, ringFromPlain } from './ring-state.js';
import { readEpochs, readRuns, readTables, type Tables, writeEpochs, writeRuns, writeTables } from './ring-tables.js';

/** Whoever changes it raises the version that hosts greet each other with, too. */
export const RING_FORMAT = 1;

/** A ring names them by their places: append-only. */
const DOMAINS: readonly FailureDomain[] = ['node', 'host', 'machine', 'zone'];
const KINDS: readonly ChangeKind[] = ['join', 'leave', 'replace', 'reweight', 'failure-domain'];
const PHASE_BITS = 2;

const packed = new WeakMap<RingState, Uint8Array>();

/** The state in bytes, which nobody may change; made once for each. Milliseconds for thousands of partitions. */
export function packRing(state: RingState): Uint8Array {
  let bytes = packed.get(state);
  if (bytes === undefined) {
    bytes = write(state);
    packed.set(state, bytes);
  }
  return bytes;
}

/** A ring as a message or a disk has it: packed, or, from an earlier version's disk, as plain data. @throws StoreError KV_PROTOCOL, KV_FORMAT_TOO_NEW */
export const readRing = (value: unknown): RingState =>
  value instanceof Uint8Array ? unpackRing(value) : ringFromPlain(value);

function write(state: RingState): Uint8Array {
  const { members, leavers, lists, move } = state;
  const isWhole = lists.length === state.partitions && lists.every((list) => list.length === state.n);
  assert(isWhole, 'a list of N nodes for each partition');
  const to = new BitWriter();
  to.bits(RING_FORMAT, 8);
  for (const value of [state.epoch, state.partitions, state.n]) to.number(value);
  to.number(placeOf(DOMAINS, state.failureDomain));
  const tables = writeTables(to, state);
  writeRuns(to, members.map(tables.indexOf));
  writeHosts(to, state.hosts, tables.texts);
  writeRuns(to, leavers);
  writeEpochs(to, state);
  const listWriter = new ListWriter(to, state);
  for (const list of lists) listWriter.write(list);
  to.bits(Number(move !== undefined), 1);
  if (move === undefined) return to.finish();
  for (const value of [move.id, placeOf(KINDS, move.kind), placeOf(DOMAINS, move.failureDomain)]) to.number(value);
  writeRuns(to, move.members.map(tables.indexOf));
  writeRuns(to, move.gone);
  move.phases.forEach((phase, p) => {
    to.bits(phase, PHASE_BITS);
    if (phase !== Phase.settled) listWriter.writeNext(move.next[p], lists[p]);
  });
  return to.finish();
}

/** The inverse of `packRing`. @throws StoreError KV_PROTOCOL for what cannot be a ring, KV_FORMAT_TOO_NEW */
export function unpackRing(bytes: Uint8Array): RingState {
  const from = new BitReader(bytes);
  const format = from.bits(8);
  if (format > RING_FORMAT) {
    const message = `a ring of format ${format}, this version reads up to ${RING_FORMAT}; upgrade kvorum`;
    throw new StoreError('KV_FORMAT_TOO_NEW', message, { format });
  }
  if (format === 0) throw malformed('it has no format');
  const at = from.number();
  const partitions = from.count(SLOT_COUNT);
  const n = from.count(N_MAX);
  const failureDomain = oneOf(DOMAINS, from.number());
  const tables = readTables(from);
  const members = readRuns(from, tables.members.length).map((index) => tables.members[index]);
  const hosts = readHosts(from, tables.texts);
  const leavers = readNodes(from);
  const epochs = readEpochs(from, partitions);
  const listReader = new ListReader(from, n);
  const lists = Array.from({ length: partitions }, () => listReader.read());
  const shape = { epoch: epoch(at), partitions, n, failureDomain, members, lists, ...epochs, hosts, leavers };
  const move = from.bits(1) === 1 ? readMove(from, { tables, lists, listReader }) : undefined;
  if (from.bitsLeft >= 8) throw malformed('more follows');
  return move === undefined ? shape : { ...shape, move };
}

interface MoveParts {
  readonly tables: Tables;
  readonly lists: Placement;
  readonly listReader: ListReader;
}

function readMove(from: BitReader, { tables, lists, listReader }: MoveParts): RingMove {
  const id = from.number();
  const kind = oneOf(KINDS, from.number());
  const failureDomain = oneOf(DOMAINS, from.number());
  const members = readRuns(from, tables.members.length).map((index) => tables.members[index]);
  const gone = readNodes(from);
  const next = [...lists];
  const phases = lists.map((list, p) => {
    const phase = from.bits(PHASE_BITS);
    if (phase > Phase.handingOver) throw malformed(`phase ${phase}`);
    if (phase !== Phase.settled) next[p] = listReader.readNext(list);
    return phase as Phase;
  });
  return { id, kind, failureDomain, members, gone, next, phases };
}

function writeHosts(to: BitWriter, hosts: readonly HostClaim[], texts: ReadonlyMap<string, number>): void {
  to.number(hosts.length);
  for (const { host, first, room } of hosts) {
    to.bits(texts.get(host) as number, widthOf(texts.size));
    to.number(first);
    to.number(room);
  }
}

function readHosts(from: BitReader, texts: readonly string[]): HostClaim[] {
  return Array.from({ length: from.count(NODE_COUNT_MAX) }, () => {
    const host = from.one(texts);
    return { host, first: from.number(), room: from.number() };
  });
}

const readNodes = (from: BitReader) => readRuns(from, NODE_COUNT_MAX).map(nodeIndex);

function placeOf<Name>(names: readonly Name[], name: Name): number {
  const place = names.indexOf(name);
  assert(place >= 0, `a ring of ${name}`);
  return place;
}

function oneOf<Name>(names: readonly Name[], place: number): Name {
  if (place >= names.length) throw malformed(`${place} names none of ${names.join(', ')}`);
  return names[place];
}
