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
import { readBody } from '../protocol/body.js';
import { Collect } from '../protocol/collection-messages.js';
import type { MessageView } from '../protocol/header.js';
import { Write } from '../protocol/messages.js';
import { Ask } from '../protocol/outcome.js';
import { getNumber, isForgotten, Rec, sizeOf, slotOfRecord } from '../protocol/record.js';
import { decodeRecord, decodeVector } from '../protocol/record-set.js';
import { keyText, setOf } from './messages.js';
import { CLOCK_DRIFT_MAX_MS, type SimNode } from './sim-node.js';

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
const MINTED_BY_VNODES = ['mint', 'mended'] as const;
const MINTED_BY_COORDINATORS = ['mintMany'] as const;

export class Observer {
  readonly problems: Problem[] = [];
  readonly #nowMs: () => number;
  /** The latest time that any wall clock has shown. */
  readonly #latestWallMs: () => number;
  /** Who minted first under an id that is no storage incarnation. */
  readonly #drawn = new Map<number, number>();
  readonly #minted = new Map<string, Minted[]>();
  readonly #byValue = new Map<string, { key: string; dot: Dot }>();
  readonly #bases = new Map<string, MintBase>();
  /** By expiry, which is unique: names of the writes that have one. An expired value is buried without its bytes. */
  readonly #byExpiry = new Map<number, string>();
  /** By key: what of it was collected, so that nobody need have it any more. */
  readonly #collected = new Map<string, VersionVector>();
  /** When that was last more than before. */
  readonly #collectedAtMs = new Map<string, number>();
  /** What each life of a node logged last of a key. */
  readonly #latest = new WeakMap<object, Map<string, VersionVector>>();
  /** By key and node: all that the node ever logged of it. */
  readonly #logged = new Map<string, Map<number, VersionVector>>();

  constructor(nowMs: () => number, latestWallMs: () => number) {
    this.#nowMs = nowMs;
    this.#latestWallMs = latestWallMs;
  }

  problem(text: string, key?: string): void {
    if (this.problems.length < PROBLEMS_MAX) this.problems.push({ atMs: this.#nowMs(), text, key });
  }

  /** The behaviour of an actor, with a look at each write before it is minted, and at what is collected before that goes. */
  watch(role: Role, behaviour: AnyBehaviour, node: SimNode): AnyBehaviour {
    if (role === Role.collector) return this.#watchCollector(behaviour);
    const names = role === Role.vnode ? MINTED_BY_VNODES : role === Role.coordinator ? MINTED_BY_COORDINATORS : [];
    return names.reduce((watched, name) => this.#watch(name, watched, node), behaviour);
  }

  #watch(
    name: (typeof MINTED_BY_VNODES | typeof MINTED_BY_COORDINATORS)[number],
    behaviour: AnyBehaviour,
    node: SimNode,
  ) {
    const real = behaviour.receive[name];
    if (real === undefined) return behaviour;
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

  #watchCollector(behaviour: AnyBehaviour): AnyBehaviour {
    const real = behaviour.receive.collect;
    if (real === undefined) return behaviour;
    const collect: typeof real = (state, message, env) => {
      const { records } = readBody(message, Collect.body) as { records: readonly Uint8Array[] };
      for (const packed of records) this.#collect(new Int32Array(Uint8Array.from(packed).buffer));
      real(state, message, env);
    };
    return { ...behaviour, receive: { ...behaviour.receive, collect } };
  }

  /** A dead record is about to be forgotten everywhere: all of it must be deleted, or expired by some clock. */
  #collect(words: Int32Array<ArrayBuffer>): void {
    const key = keyText(words);
    const set = setOf(words);
    this.#checkBuried('a collection has', key, set);
    const before = this.#collected.get(key) ?? [];
    if (isCovered(set.vector, before)) return;
    this.#collected.set(key, mergeVectors(before, set.vector));
    this.#collectedAtMs.set(key, this.#nowMs());
  }

  /** What is buried was deleted, or expired: by more than clocks may differ, on the clock that was ahead of all. */
  #checkBuried(who: string, key: string, { siblings }: SiblingSet): void {
    for (const { tombstone, expiresAtMs, ...sibling } of siblings) {
      if (!tombstone || !this.#byExpiry.has(expiresAtMs)) continue;
      const leftMs = expiresAtMs + CLOCK_DRIFT_MAX_MS - this.#latestWallMs();
      const name = this.nameOf({ tombstone, expiresAtMs, ...sibling });
      if (leftMs >= 0) this.problem(`${who} ${key} without ${name}, which has not expired for certain`, key);
    }
  }

  #beforeMint(message: MessageView, record: number, { store }: SimNode): void {
    const { words, bytes, at } = message;
    let held: SiblingSet = emptySet();
    try {
      const found = store.find(words, words[record + Rec.keyHash], words[record + Rec.keySlot], record + Rec.key);
      if (found >= 0) held = decodeRecord(store.words, store.bytes, found);
    } catch {
      // minted over what cannot be read only where nobody else holds anything
    }
    const hasContext = (message.u32(Write.options) & Ask.context) !== 0;
    const context = hasContext ? decodeVector(words, record + sizeOf(words, record) / 4, message.end) : held.vector;
    const [written] = decodeRecord(words, bytes, record).siblings;
    const clocks = [getNumber(words, at + Write.callerClock), store.clock, ...held.siblings.map(({ clock }) => clock)];
    if (!written.tombstone && written.expiresAtMs > 0) this.#byExpiry.set(written.expiresAtMs, this.nameOf(written));
    this.#bases.set(this.nameOf(written), { replaced: context, clockAbove: Math.max(...clocks) as Clock });
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
    for (const sibling of set.siblings) {
      this.#meet(node, key, sibling, sequence);
      if (this.isRisen(key, sibling)) {
        this.problem(
          `node ${node.index} logged ${this.nameOf(sibling)} of ${key} again, which had been collected`,
          key,
        );
      }
    }
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
    const value = this.nameOf(sibling);
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
    // what was collected is gone from some nodes, and yet to be forgotten by others
    const held = new Set(set.siblings.map((sibling) => this.nameOf(sibling)));
    const collected = this.#collected.get(key) ?? [];
    const want = expected.filter(({ dot, value }) => held.has(value) || !isDotCovered(dot, collected));
    const names = [want.map(({ value }) => value), [...held]].map((list) => list.sort().join());
    if (names[0] !== names[1]) this.problem(`${who} ${key} = [${names[1]}], the maximal writes are [${names[0]}]`, key);
    this.#checkBuried(who, key, set);
  }

  /** What a write is known by. Every value is unique in a run; so is a delete's clock, and every expiry. */
  nameOf({ tombstone, value, expiresAtMs }: Sibling): string {
    if (!tombstone) return Buffer.from(value).toString();
    return this.#byExpiry.get(expiresAtMs) ?? `delete ${expiresAtMs}`;
  }

  /** Whether a set has seen the write of this value, or need not, since that was collected. */
  hasSeen(set: SiblingSet, value: string): boolean {
    const write = this.#byValue.get(value);
    if (write === undefined) return false;
    return isDotCovered(write.dot, set.vector) || isDotCovered(write.dot, this.#collected.get(write.key) ?? []);
  }

  /** All writes that the write of this name replaced. */
  replacedBy(name: string): VersionVector {
    return this.#bases.get(name)?.replaced ?? [];
  }

  /** Whether a sibling is alive although it was collected; for somebody who asked at `sinceMs`, before that. */
  isRisen(key: string, { dot, tombstone, expiresAtMs }: Sibling, sinceMs = this.#nowMs()): boolean {
    if (sinceMs < (this.#collectedAtMs.get(key) ?? 0)) return false;
    if (tombstone || !isDotCovered(dot, this.#collected.get(key) ?? [])) return false;
    return !this.#byExpiry.has(expiresAtMs) || expiresAtMs > this.#latestWallMs();
  }

  /** Whether a version vector covers a sibling. */
  isCovered(vector: VersionVector, { dot }: Sibling): boolean {
    return isDotCovered(dot, vector);
  }

  /** How many keys' records were collected. */
  get collected(): number {
    return this.#collected.size;
  }

  /** Nodes that have ever logged the write of this value, or something that covers it. */
  nodesThatLogged(value: string): number[] {
    const write = this.#byValue.get(value);
    if (write === undefined) return [];
    const logged = [...(this.#logged.get(write.key) ?? [])];
    return logged.filter(([, vector]) => isDotCovered(write.dot, vector)).map(([node]) => node);
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

const isSame = (a: Dot, b: Dot): boolean => a.replica === b.replica && a.counter === b.counter;

function isDotCovered(dot: Dot, vector: VersionVector): boolean {
  return vector.some(({ replica, counter }) => replica === dot.replica && counter >= dot.counter);
}

function isCovered(small: VersionVector, large: VersionVector): boolean {
  return small.every((dot) => isDotCovered(dot, large));
}
