/**
 * Random and mutated bytes through all that reads a peer's bytes: the decoder, the greeting, the connection with its check
 * of messages. Whatever comes, the only error is a refusal with its reason, and nothing is delivered that a peer may not
 * send. A mutated frame mostly gets its checksum anew: otherwise nothing would come behind the decoder.
 */
import { addressOf, nodeOf, Role, roleOf } from '../../src/actor/address.js';
import { BlockPool } from '../../src/bridge/block-pool.js';
import { EXPORTS } from '../../src/bridge/exports.js';
import { FactsReader, factsFrames } from '../../src/bridge/facts.js';
import { allocateFrame, type FrameBuffer, FrameType, sealFrame } from '../../src/bridge/frame.js';
import { type Frame, FrameDecoder } from '../../src/bridge/frame-decoder.js';
import { Handshake } from '../../src/bridge/handshake.js';
import { type Hello, MAGIC, PROTOCOL_VERSIONS } from '../../src/bridge/hello.js';
import { laneOf } from '../../src/bridge/lane.js';
import { FRAME_HEADER_BYTES } from '../../src/bridge/limits.js';
import { type FrameLink, PeerConnection } from '../../src/bridge/peer-connection.js';
import { readHosts, readNodes } from '../../src/bridge/peer-news.js';
import { packedBody, plainFrame, type UnsealedFrame } from '../../src/bridge/plain-frame.js';
import { type RefusalReason, reasonOf } from '../../src/bridge/refusal.js';
import { Tally } from '../../src/bridge/stats.js';
import { wordsFrame } from '../../src/bridge/words-frame.js';
import { Head } from '../../src/protocol/header.js';
import type { MessageName } from '../../src/protocol/messages.js';
import { Random } from '../../src/sim/random.js';
import { messageOf, ROOM } from './bridge-fixture.js';

const self = (host: string, first: number) => ({
  host,
  address: '127.0.0.1:1',
  first,
  room: ROOM,
  zone: 'z',
  machine: 'm',
});
const OWN = self('own', 0);
const PEER = self('peer', ROOM);
const GREETING = new Set<number>([FrameType.hello, FrameType.proof, FrameType.welcome]);

const hello = (of: typeof OWN): Hello => ({
  magic: MAGIC,
  versions: PROTOCOL_VERSIONS,
  cluster: 'c',
  incarnation: 1,
  optionsHash: 'o',
  clockMs: 0,
  monotonicMs: 0,
  nonce: new Uint8Array(32).fill(of.first),
  purpose: 'peer',
  proves: true,
  self: of,
});

interface Template {
  readonly frame: FrameBuffer;
  readonly bodyBytes: number;
  readonly type: FrameType;
  readonly lane: number;
}

/** A right frame of every kind, and a message of every kind along every path. */
function templates(): Template[] {
  const of = (type: FrameType, { frame, bodyBytes }: UnsealedFrame): Template => ({ frame, bodyBytes, type, lane: 0 });
  const nodes = [{ node: ROOM, up: true, incarnation: 1 }];
  const frames = [
    of(FrameType.hello, plainFrame(hello(PEER))),
    of(FrameType.proof, plainFrame(new Uint8Array(32))),
    of(FrameType.welcome, plainFrame({})),
    of(FrameType.refuse, plainFrame({ reason: 'cluster', text: 'no' })),
    of(FrameType.credit, wordsFrame([0, 0, 0, 0])),
    of(FrameType.ping, wordsFrame([1, 0])),
    of(FrameType.pong, wordsFrame([1, 2])),
    of(FrameType.nodes, plainFrame(nodes)),
    of(FrameType.hosts, plainFrame([OWN, PEER])),
    of(FrameType.bye, wordsFrame([])),
    ...factsFrames({ facts: { n: 3 }, hosts: [OWN] }).map((frame) => of(FrameType.facts, frame)),
    { ...of(FrameType.chunk, wordsFrame([64, 0, 64, 0, 0, 0])), lane: 1 },
  ];
  for (const [name, paths] of Object.entries(EXPORTS)) {
    for (const [from, to] of paths === 'local' ? [] : paths) frames.push(messageFrame(name as MessageName, from, to));
  }
  return frames;
}

/** Two messages of this kind, so that a wrong length of the first shows in the second. */
function messageFrame(name: MessageName, from: Role, to: Role): Template {
  const at = (role: Role, node: number) => addressOf(role, node, role === Role.client ? 3 : 0);
  const message = messageOf(name, { from: at(from, ROOM), to: at(to, 0) });
  const frame = wordsFrame([...message, ...message]);
  return { ...frame, type: FrameType.data, lane: laneOf(message[Head.from], message[Head.to]) };
}

/** A socket that is none. */
const NO_LINK: FrameLink = {
  handler: undefined,
  isClosed: false,
  bufferedBytes: 0,
  cork: () => undefined,
  uncork: () => undefined,
  send: () => undefined,
  destroy: () => undefined,
  refuse: () => undefined,
  finish: () => undefined,
};

const greeting = (): Handshake =>
  new Handshake({
    part: 'listener',
    hello: () => hello(OWN),
    secret: 's',
    judgement: () => ({
      clockMs: 0,
      clockDriftMaxMs: 1,
      certificateNames: undefined,
      allow: undefined,
      objection: () => undefined,
    }),
  });

/** What reads a connection's frames, until it refuses one. */
class Reader {
  delivered = 0;
  readonly #connection = new PeerConnection({
    link: NO_LINK,
    hello: hello(PEER),
    version: 1,
    own: OWN,
    slot: 1,
    number: 1,
    dialer: 'peer',
    pool: new BlockPool(),
    tally: new Tally(),
    hooks: {
      nowMs: () => 5,
      nodes: () => ({ nodes: [], seen: [] }),
      deliver: (words, at, bytes) => this.#deliver(words, at, bytes),
      waitingBytes: () => 0,
      facts: () => null,
      onPeer: () => undefined,
      onPeerNodes: () => undefined,
      onHosts: () => undefined,
      onRefused: () => undefined,
    },
    onTold: (_connection, what, value) => (what === 'nodes' ? readNodes(value, PEER) : readHosts(value)),
    answer: () => undefined,
    onDown: () => undefined,
  });

  #deliver(words: Int32Array, at: number, bytes: number): boolean {
    const [from, to] = [words[at + Head.from], words[at + Head.to]];
    const isOf = (address: number, first: number) =>
      roleOf(address) === Role.client || (nodeOf(address) >= first && nodeOf(address) < first + ROOM);
    if (at < 0 || at + bytes / 4 > words.length || !isOf(from, ROOM) || !isOf(to, 0)) {
      throw new RangeError('a message was delivered that this peer may not send');
    }
    this.delivered++;
    return (words[at + Head.request] & 1) === 0;
  }

  take(frame: Frame): boolean {
    if (GREETING.has(frame.type)) greeting().receive(frame.type, packedBody(frame, frame.bodyBytes));
    else if (frame.type === FrameType.facts) new FactsReader().add(frame);
    else this.#connection.onFrame(frame);
    return true;
  }
}

export interface FuzzReport {
  readonly frames: number;
  /** How many were refused, by reason; none is `internal`. */
  readonly refused: Readonly<Partial<Record<RefusalReason, number>>>;
  readonly delivered: number;
  /** Most bytes that the process held beyond those at the start. */
  readonly grownBytes: number;
}

/** @throws whatever the bridge throws beside refusals */
export function fuzzFrames(frames: number, seed: number): FuzzReport {
  const random = new Random(seed);
  const right = templates();
  const refused: Partial<Record<RefusalReason, number>> = {};
  const startBytes = held();
  let grownBytes = 0;
  let delivered = 0;
  let reader = new Reader();
  for (let i = 0; i < frames; i++) {
    const bytes = random.chance(0.1) ? noise(random) : mutated(right[random.below(right.length)], random);
    const cut = random.below(bytes.length + 1);
    const decoder = new FrameDecoder();
    try {
      decoder.feed(bytes.subarray(0, cut), (frame) => reader.take(frame));
      decoder.feed(bytes.subarray(cut), (frame) => reader.take(frame));
    } catch (thrown) {
      const reason = reasonOf(thrown);
      if (reason === 'internal')
        throw new Error(`frame ${i} of seed ${seed}: ${bytes.toString('hex')}`, { cause: thrown });
      refused[reason] = (refused[reason] ?? 0) + 1;
      delivered += reader.delivered;
      reader = new Reader();
    }
    if (i % 10_000 === 0) grownBytes = Math.max(grownBytes, held() - startBytes);
  }
  return { frames, refused, delivered: delivered + reader.delivered, grownBytes };
}

function held(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function noise(random: Random): Buffer {
  return Buffer.from(Array.from({ length: random.below(100) }, () => random.below(256)));
}

/** Words that often matter. */
const EDGES = [0, 1, 7, 8, 0x7fff_ffff, -1, -8, 0xff_ff_ff, 0x10_0000];

function mutated({ frame, bodyBytes, type, lane }: Template, random: Random): Buffer {
  const copy = allocateFrame(bodyBytes);
  copy.bytes.set(frame.bytes.subarray(0, FRAME_HEADER_BYTES + bodyBytes));
  for (let changes = random.below(4); changes > 0 && bodyBytes > 0; changes--) {
    const at = FRAME_HEADER_BYTES + random.below(bodyBytes);
    if (random.chance(0.5)) copy.bytes[at] = random.below(256);
    else copy.words[at >>> 2] = EDGES[random.below(EDGES.length)];
  }
  const bytes = sealFrame(copy, { type, lane }, bodyBytes, 0);
  if (random.chance(0.1)) bytes[random.below(bytes.length)] ^= 1 << random.below(8);
  return random.chance(0.05) ? bytes.subarray(0, random.below(bytes.length)) : bytes;
}
