import test from 'ava';
import { nodeOf, ROLE_NAMES, Role, roleOf } from '../../src/actor/address.js';
import { EXPORTS, isExported } from '../../src/bridge/exports.js';
import { laneOf } from '../../src/bridge/lane.js';
import { checkMessage } from '../../src/bridge/message-check.js';
import { Head } from '../../src/protocol/header.js';
import { MESSAGES, NAME_OF_TAG } from '../../src/protocol/messages.js';
import { Lane } from '../../src/sim/lane.js';
import { runSeed } from '../../src/sim/simulation.js';

const SEEDS = 12;
/** What no simulated client asks for, and what crosses nodes too rarely for a few seeds. */
const UNSEEN = new Set([
  'scan',
  'page',
  'exchange',
  'exchanged',
  'changeRing',
  'ringChanged',
  'confirm',
  'confirmed',
  'barrier',
  'collect',
]);

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
  ] as const) {
    t.deepEqual(straight(reply), flip(call), `${call} and ${reply}`);
  }
});

test.serial('exports: everything that actors send to another node, in simulations -> passes the check', (t) => {
  const seen = new Set<string>();
  const refused = new Set<string>();
  const { send } = Lane.prototype;
  t.teardown(() => {
    Lane.prototype.send = send;
  });
  Lane.prototype.send = function (this: Lane, words) {
    const [from, to] = [words[Head.from], words[Head.to]];
    const border = { own: rangeOf(to), peer: rangeOf(from) };
    const name = NAME_OF_TAG[words[Head.size] >>> 24] ?? 'none';
    const reason = checkMessage(words, 0, words.length * 4, border);
    if (this.from !== this.to) seen.add(name);
    if (this.from !== this.to && reason !== undefined)
      refused.add(`${reason}: ${name}, ${roleOf(from)} to ${roleOf(to)}`);
    t.true(laneOf(from, to) <= 2);
    send.call(this, words);
  };
  for (let seed = 1; seed <= SEEDS; seed++) runSeed(seed);
  t.deepEqual([...refused], []);
  const exported = Object.entries(EXPORTS).filter(([, paths]) => paths !== 'local');
  t.deepEqual(
    exported.map(([name]) => name).filter((name) => !seen.has(name) && !UNSEEN.has(name)),
    [],
  );
});

const rangeOf = (address: number) => ({ first: nodeOf(address), room: 1 });
