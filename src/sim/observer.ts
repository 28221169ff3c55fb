/**
 * Watches a world and says what is wrong with it. It knows the truth that no node knows: every write that was minted, what
 * it replaced, and which node ever logged it. Its model of causality is the naive one: a write is gone where one that
 * replaced it was seen; so it does not share the code that it checks.
 */

import { Role } from '../actor/address.js';
import type { AnyBehaviour } from '../actor/behaviour.js';
import { type Clock, SYSTEM_SLOT } from '../core/ids.js';
import { emptySet, type Sibling, type SiblingSet } from '../core/siblings.js';
import { type Dot, mergeVectors, type VersionVector } from '../core/version-vector.js';
import type { MessageView } from '../protocol/header.js';
import { Write } from '../protocol/messages.js';
import { Ask } from '../protocol/outcome.js';
import { getNumber, isForgotten, Rec, sizeOf, slotOfRecord } from '../protocol/record.js';
import { decodeRecord, decodeVector } from '../protocol/record-set.js';
import { keyText, setOf } from './messages.js';
import type { SimNode } from './sim-node.js';

/** A write that some vnode minted. */
interface Minted {
  readonly dot: Dot;
  readonly value: string;
  /** It replaces every write of its key up to here. */
  readonly replaced: VersionVector;
}

interface MintBase {
  readonly replaced: VersionVector;
  readonly clockAbove: Clock;
}

/** What a checker found. */
export interface Problem {
  readonly atMs: number;
  readonly text: string;
  /** The key that it is about. */
  readonly key?: string | undefined;
}

const PROBLEMS_MAX = 20;

export class Observer {
  readonly problems: Problem[] = [];
  readonly #nowMs: () => number;
  /** Who minted first under an id that is no storage incarnation. */
  readonly #drawn = new Map<number, number>();
  readonly #minted = new Map<string, Minted[]>();
  readonly #byValue = new Map<string, { key: string; dot: Dot }>();
  readonly #bases = new Map<string, MintBase>();
  /** What each life of a node logged last of a key. */
  readonly #latest = new WeakMap<object, Map<string, VersionVector>>();
  /** By key and node: all that the node ever logged of it. */
  readonly #logged = new Map<string, Map<number, VersionVector>>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  problem(text: string, key?: string): void {
    if (this.problems.length < PROBLEMS_MAX) this.problems.push({ atMs: this.#nowMs(), text, key });
  }

  /** The behaviour of a vnode or a coordinator, with a look at each write before it is minted. */
  watch(role: Role, behaviour: AnyBehaviour, node: SimNode): AnyBehaviour {
    const name = role === Role.vnode ? 'mint' : role === Role.coordinator ? 'mintMany' : undefined;
    const real = name === undefined ? undefined : behaviour.receive[name];
    if (name === undefined || real === undefined) return behaviour;
    const watched: typeof real = (state, message, env) => {
      const { words, end } = message;
      let record = message.at + Write.record;
      do {
        this.#beforeMint(message, record, node);
        record += sizeOf(words, record) / 4;
      } while (name === 'mintMany' && record < end);
      real(state, message, env);
    };
    return { ...behaviour, receive: { ...behaviour.receive, [name]: watched } };
  }

  #beforeMint(message: MessageView, record: number, { store }: SimNode): void {
    const { words, bytes, at } = message;
    let held: SiblingSet = emptySet();
    try {
      const found = store.find(words, words[record + Rec.keyHash], words[record + Rec.keySlot], record + Rec.key);
      if (found >= 0) held = decodeRecord(store.words, store.bytes, found);
    } catch {
      return;
    }
    const hasContext = (message.u32(Write.options) & Ask.context) !== 0;
    const context = hasContext ? decodeVector(words, record + sizeOf(words, record) / 4, message.end) : held.vector;
    const [written] = decodeRecord(words, bytes, record).siblings;
    const clocks = [getNumber(words, at + Write.callerClock), store.clock, ...held.siblings.map(({ clock }) => clock)];
    this.#bases.set(nameOf(written), { replaced: context, clockAbove: Math.max(...clocks) as Clock });
  }

  /** A record entered a node's log. What the node keeps for itself, and what it gives away, is not watched here. */
  committed(node: SimNode, words: Int32Array<ArrayBuffer>, sequence: number): void {
    if (slotOfRecord(words, 0) === SYSTEM_SLOT) return;
    const key = keyText(words);
    const latest = this.#latest.get(node.store) ?? new Map<string, VersionVector>();
    this.#latest.set(node.store, latest);
    if (isForgotten(words, 0)) {
      latest.set(key, []);
      return;
    }
    const set = decodeRecord(words, Buffer.from(words.buffer), 0);
    for (const sibling of set.siblings) this.#meet(node, key, sibling, sequence);
    this.checkSet(`node ${node.index} logged`, key, set);
    // what takes the place of an unreadable record is what the others hold: a write that nobody else has taken, and that was
    // acknowledged to none, goes with it
    const isHealed = node.store.replacedUnread.has(key);
    if (!isHealed && !isCovered(latest.get(key) ?? setOf(node.store.record(key)).vector, set.vector)) {
      this.problem(`node ${node.index} forgot writes of ${key} that it had logged`, key);
    }
    latest.set(key, set.vector);
    const byNode = this.#logged.get(key) ?? new Map<number, VersionVector>();
    this.#logged.set(key, byNode.set(node.index, mergeVectors(byNode.get(node.index) ?? [], set.vector)));
  }

  /** Whether the id is the node's storage incarnation, or one that it alone has drawn as a stand-in. */
  #mintsUnder(node: SimNode, replica: number): boolean {
    if (replica === node.disk.replica) return true;
    const drawnBy = this.#drawn.get(replica) ?? node.index;
    this.#drawn.set(replica, drawnBy);
    return drawnBy === node.index;
  }

  /** A sibling that is new to the world must be this node's own write; one that is known must be the same. */
  #meet(node: SimNode, key: string, sibling: Sibling, sequence: number): void {
    const list = this.#minted.get(key) ?? [];
    this.#minted.set(key, list);
    const value = nameOf(sibling);
    const known = list.find(({ dot }) => isSame(dot, sibling.dot));
    if (known !== undefined) {
      if (known.value !== value) this.problem(`two writes of ${key} share a dot: ${known.value}, ${value}`, key);
      return;
    }
    const base = this.#bases.get(value);
    if (base === undefined || !this.#mintsUnder(node, sibling.dot.replica) || sibling.dot.counter !== sequence) {
      this.problem(`node ${node.index} logged a write of ${key} that nobody minted: ${value}`, key);
      return;
    }
    if (sibling.clock <= base.clockAbove)
      this.problem(`the clock of ${value} is not above what its node had seen`, key);
    list.push({ dot: sibling.dot, value, replaced: base.replaced });
    this.#byValue.set(value, { key, dot: sibling.dot });
  }

  /** The siblings of a set must be the writes that it has seen and that no other one that it has seen replaced. */
  checkSet(who: string, key: string, set: SiblingSet): void {
    const seen = (this.#minted.get(key) ?? []).filter(({ dot }) => isDotCovered(dot, set.vector));
    const expected = seen.filter(
      ({ dot }) => !seen.some((other) => !isSame(other.dot, dot) && isDotCovered(dot, other.replaced)),
    );
    const want = expected.map(({ value }) => value).sort();
    const have = set.siblings.map(nameOf).sort();
    if (want.join() !== have.join()) this.problem(`${who} ${key} = [${have}], the maximal writes are [${want}]`, key);
  }

  nameOf(sibling: Sibling): string {
    return nameOf(sibling);
  }

  /** Whether a set has seen the write of this value. */
  hasSeen(set: SiblingSet, value: string): boolean {
    const write = this.#byValue.get(value);
    return write !== undefined && isDotCovered(write.dot, set.vector);
  }

  /** Nodes that have ever logged the write of this value, or something that covers it. */
  loggedBy(value: string): number {
    const write = this.#byValue.get(value);
    if (write === undefined) return 0;
    let nodes = 0;
    for (const vector of this.#logged.get(write.key)?.values() ?? []) if (isDotCovered(write.dot, vector)) nodes++;
    return nodes;
  }

  /** Nodes whose synced log covers the write of this value, or did. */
  syncedBy(value: string, nodes: readonly SimNode[]): number {
    const write = this.#byValue.get(value);
    if (write === undefined) return 0;
    return nodes.filter(({ disk }) =>
      [...disk.log.slice(0, disk.synced), ...disk.lostSynced].some(({ words }) =>
        isDotCovered(write.dot, setOf(words).vector),
      ),
    ).length;
  }
}

/** Every value is unique in a run; so is that of a delete, which only its clock tells. */
function nameOf({ tombstone, value, expiresAtMs }: Sibling): string {
  return tombstone ? `delete ${expiresAtMs}` : Buffer.from(value).toString();
}

const isSame = (a: Dot, b: Dot): boolean => a.replica === b.replica && a.counter === b.counter;

function isDotCovered(dot: Dot, vector: VersionVector): boolean {
  return vector.some(({ replica, counter }) => replica === dot.replica && counter >= dot.counter);
}

function isCovered(small: VersionVector, large: VersionVector): boolean {
  return small.every((dot) => isDotCovered(dot, large));
}
