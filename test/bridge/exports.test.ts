import test from 'ava';
import { addressOf, nodeOf, ROLE_NAMES, Role, roleOf } from '../../src/actor/address.js';
import { EXPORTS, isExported } from '../../src/bridge/exports.js';
import { checkMessage } from '../../src/bridge/message-check.js';
import { bodyMessageBytes, encodeBody, putBody } from '../../src/protocol/body.js';
import { ALL_PEERS, Exchange } from '../../src/protocol/exchange-messages.js';
import { Head } from '../../src/protocol/header.js';
import { Kind, MESSAGES, NAME_OF_TAG } from '../../src/protocol/messages.js';
import { Pull } from '../../src/protocol/ring-messages.js';
import { Watch, WatchStep } from '../../src/protocol/watch-messages.js';
import { Lane } from '../../src/sim/lane.js';
import { runSeed } from '../../src/sim/simulation.js';
import { World } from '../../src/sim/world.js';
import { plain } from '../actors/sets.js';
import { putAt } from '../sim/replicas.js';

const SEEDS = 12;
const SEEDS_WITH_MOVES = 2;

test('exports: every kind of message -> is listed as exported or as local', (t) => {
  t.deepEqual(Object.keys(EXPORTS).sort(), Object.keys(MESSAGES).sort());
});

test('exports: what is local, and every path that is not listed -> is not exported', (t) => {
  const roles = ROLE_NAMES.keys();
  const pairs = [...roles].flatMap((from) => [...ROLE_NAMES.keys()].map((to) => [from, to] as const));
  for (const [name, paths] of Object.entries(EXPORTS)) {
    const { tag } = MESSAGES[name as keyof typeof MESSAGES];
    const listed = paths === 'local' ? [] : paths;
    for (const [from, to] of pairs) {
      const isListed = listed.some((path) => path[0] === from && path[1] === to);
      t.is(isExported(tag, from as Role, to as Role), isListed, `${name} from ${from} to ${to}`);
    }
  }
  t.false(isExported(0, Role.client, Role.coordinator));
});

test('exports: a reply -> travels the paths of its call, backwards', (t) => {
  const flip = (name: keyof typeof EXPORTS): string[] => {
    const paths = EXPORTS[name];
    return paths === 'local' ? [] : paths.map(([from, to]) => `${to}>${from}`).sort();
  };
  const straight = (name: keyof typeof EXPORTS): string[] => {
    const paths = EXPORTS[name];
    return paths === 'local' ? [] : paths.map(([from, to]) => `${from}>${to}`).sort();
  };
  for (const [call, reply] of [
    ['write', 'written'],
    ['read', 'answered'],
    ['replicate', 'replicated'],
    ['fetch', 'fetched'],
    ['scan', 'page'],
    ['compare', 'compared'],
    ['list', 'listed'],
    ['exchange', 'exchanged'],
    ['prepare', 'promised'],
    ['accept', 'voted'],
    ['changeRing', 'ringChanged'],
    ['pull', 'pulled'],
    ['confirm', 'confirmed'],
    ['watch', 'changes'],
  ] as const) {
    t.deepEqual(straight(reply), flip(call), `${call} and ${reply}`);
  }
});

/** The paths of the table as text, such as `write client>coordinator`. */
const LISTED = Object.entries(EXPORTS).flatMap(([name, paths]) =>
  paths === 'local' ? [] : paths.map(([from, to]) => pathOf(name, from, to)),
);

/** Runs what sends messages between simulated hosts; the paths that they took, and what another host would not have let in. */
function watch(run: () => void): { readonly seen: ReadonlySet<string>; readonly refused: readonly string[] } {
  const seen = new Set<string>();
  const refused = new Set<string>();
  const { send } = Lane.prototype;
  Lane.prototype.send = function (this: Lane, words) {
    const [from, to] = [words[Head.from], words[Head.to]];
    const path = pathOf(NAME_OF_TAG[words[Head.size] >>> 24] ?? 'none', roleOf(from), roleOf(to));
    const reason = checkMessage(words, 0, words.length * 4, { own: rangeOf(to), peer: rangeOf(from) });
    if (this.from !== this.to) seen.add(path);
    if (this.from !== this.to && reason !== undefined) refused.add(`${reason}: ${path}`);
    send.call(this, words);
  };
  try {
    run();
  } finally {
    Lane.prototype.send = send;
  }
  return { seen, refused: [...refused] };
}

/** A client has a partition compared, counted and watched by a node; and something dead is collected. */
function askAndCollect(): void {
  const world = new World({ seed: 5, nodes: 3, n: 3, partitions: 8, collectionMs: 200 });
  for (const node of world.nodes) putAt(node, 'dead', plain('a', 1, '', { tombstone: true }));
  const [client] = world.clients;
  let answers = 0;
  const onAnswer = () => answers++;
  const exchange = {
    tag: Kind.exchange,
    bytes: Exchange.end * 4,
    fill: (words: Int32Array, _: Buffer, at: number) => words.set([0, ALL_PEERS, 0, 0], at + Exchange.partition),
  };
  const body = encodeBody({}).slice();
  const count = {
    tag: Kind.pull,
    bytes: bodyMessageBytes(Pull.body, body),
    fill(words: Int32Array, bytes: Buffer, at: number) {
      words.set([world.ring.epoch, 0, 1_024, 1], at + Pull.epoch);
      putBody(words, bytes, at + Pull.body, body);
    },
  };
  const watching = {
    tag: Kind.watch,
    bytes: Watch.end * 4,
    fill: (words: Int32Array, _: Buffer, at: number) =>
      words.set([1_024, world.ring.epoch, 1, WatchStep.begin], at + Watch.bytesMax),
  };
  client.ask(exchange, addressOf(Role.antiEntropy, 1, 0), onAnswer);
  client.ask(count, addressOf(Role.rebalancer, 1, 0), onAnswer);
  client.ask(watching, addressOf(Role.vnode, 1, 0), onAnswer);
  world.runUntil(() => answers === 3 && world.nodes.every((node) => [...node.store.keys].length === 0), 60_000);
}

test.serial(
  'exports: all that actors and clients send to other hosts -> passes the check, and takes every listed path',
  (t) => {
    const { seen, refused } = watch(() => {
      askAndCollect();
      for (let seed = 1; seed <= SEEDS; seed++) runSeed(seed);
      for (let seed = 1; seed <= SEEDS_WITH_MOVES; seed++) runSeed(seed, {}, { moves: true });
    });
    t.deepEqual(refused, []);
    t.deepEqual(
      LISTED.filter((path) => !seen.has(path)),
      [],
      'listed without a reason: nobody sends it',
    );
  },
);

function pathOf(name: string, from: Role, to: Role): string {
  return `${name} ${ROLE_NAMES[from]}>${ROLE_NAMES[to]}`;
}

const rangeOf = (address: number) => ({ first: nodeOf(address), room: 1 });
