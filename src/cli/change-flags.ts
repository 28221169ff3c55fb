/**
 * A change of the ring as words of a command line: `join`, `leave 3`, `replace 1`, `reweight 0 2`, `failure-domain host`,
 * `abort`, `forget c`, and their flags.
 */
import type { Command } from 'commander';
import type { StoreChange } from '../client/types.js';
import { type FailureDomain, OPTION_SPECS } from '../core/options.js';
import type { ChangeOrder } from '../server/ring-json.js';
import type { Flags } from './command.js';
import { CliError } from './exit-codes.js';
import { parseCount, parseFlag } from './quantities.js';

export const CHANGES = ['join', 'leave', 'replace', 'reweight', 'failure-domain', 'abort', 'forget'] as const;
export type ChangeName = (typeof CHANGES)[number];

export function addJoinFlags(command: Command): void {
  command.option('--weight <number>', 'share of each new node relative to the others, 0.1 to 100 (default: 1)');
  command.option('--count <nodes>', 'how many nodes join (default: 1)');
}

/** Flags of `leave`. */
export function addLeaveFlags(command: Command): void {
  command.option('--host <ids...>', 'all nodes of these hosts');
  addForceFlag(command);
}

/** Flags of `replace`. */
export function addReplaceFlags(command: Command): void {
  command.option('--same', 'the node begins anew under its own number, with an empty directory; nothing moves');
  addForceFlag(command);
}

export function addForceFlag(command: Command): void {
  command.option('--force', 'give up every node that is down: what only they held is lost, and nothing is promised');
}

/** The change that these words ask for. @throws CliError KV_USAGE */
export function changeOrder(name: ChangeName, words: readonly string[], flags: Flags): ChangeOrder {
  return { change: changeOf(name, words, flags), force: flags.force === true };
}

function changeOf(name: ChangeName, words: readonly string[], flags: Flags): StoreChange {
  switch (name) {
    case 'join':
      expect(words, 0, 0, 'join takes no arguments; --count says how many nodes join');
      return {
        kind: 'join',
        ...(flags.weight === undefined ? {} : { weight: parseFlag('--weight', flags.weight, parseWeight) }),
        ...(flags.count === undefined ? {} : { count: parseFlag('--count', flags.count, parseJoining) }),
      };
    case 'leave': {
      const hosts = (flags.host ?? []) as readonly string[];
      expect(words, hosts.length > 0 ? 0 : 1, Number.POSITIVE_INFINITY, 'leave takes the nodes, or --host');
      return {
        kind: 'leave',
        ...(words.length === 0 ? {} : { nodes: words.map(parseNode) }),
        ...(hosts.length === 0 ? {} : { hosts }),
      };
    }
    case 'replace':
      expect(words, 1, Number.POSITIVE_INFINITY, 'replace takes the nodes');
      return { kind: 'replace', nodes: words.map(parseNode), ...(flags.same === true && { same: true }) };
    case 'reweight':
      expect(words, 2, 2, 'reweight takes a node and its new weight');
      return { kind: 'reweight', node: parseNode(words[0]), weight: parseWeight(words[1]) };
    case 'failure-domain':
      expect(words, 1, 1, 'failure-domain takes what replicas must differ in');
      return { kind: 'failure-domain', failureDomain: parseFailureDomain(words[0]) };
    case 'abort':
      expect(words, 0, 0, 'abort takes no arguments; it calls off the change under way');
      return { kind: 'abort' };
    case 'forget':
      expect(words, 1, 1, 'forget takes the id of a host');
      return { kind: 'forget', host: words[0] };
  }
}

const parseNode = (word: string): number => parseFlag('the number of a node', word, parseNumber);
const parseNumber = (word: string): number => parseCount(word, { max: 4_094 });
const parseJoining = (text: string): number => parseCount(text, { min: 1, max: 128 });

function expect(words: readonly string[], min: number, max: number, message: string): void {
  if (words.length < min || words.length > max) throw new CliError('KV_USAGE', message);
}

function parseWeight(text: string): number {
  const weight = Number(text);
  if (text.trim() !== '' && weight >= 0.1 && weight <= 100) return weight;
  throw new CliError('KV_USAGE', `'${text}' is not a weight: give a number from 0.1 to 100`);
}

function parseFailureDomain(text: string): FailureDomain {
  const choices = OPTION_SPECS.failureDomain.choices ?? [];
  if (choices.includes(text)) return text as FailureDomain;
  throw new CliError('KV_USAGE', `'${text}' is no failure domain; it is one of ${choices.join(', ')}`);
}
