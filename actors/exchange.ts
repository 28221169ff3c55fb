/**
 * One exchange of one partition with one peer, as the node that began it sees it. What to compare next and what goes which
 * way is decided by core/exchange.ts; this file asks, and has records travel (record-transfer.ts).
 *
 *   roots -> levels -> (a moment later, the same nodes again) -> lists, merged with this node's keys -> all confirmed
 *
 * Nodes of the tree are compared twice, because a write on its way makes a difference that is none.
 */
import { addressOf, Role } from '../src/actor/address.js';
import type { Env } from '../src/actor/env.js';
import { differingNodes, FIRST_LEVEL, NodeSet, nextStep, PageMerge, type WalkStep } from '../src/core/exchange.js';
import type { HashTree, Level } from '../src/core/hash-tree.js';
import type { NodeIndex, PartitionId } from '../src/core/ids.js';
import { bodyMessageBytes, encodeBody, putBody, readBody } from '../src/protocol/body.js';
import { packWords, unpackEntries, unpackWords } from '../src/protocol/exchange-body.js';
import { Compare, Compared, Counting, Listed } from '../src/protocol/exchange-messages.js';
import type { MessageView } from '../src/protocol/header.js';
import { Kind } from '../src/protocol/messages.js';
import { failure, isSuccess } from '../src/protocol/outcome.js';
import { keyAt, keyHigh, RecordDigester } from '../src/protocol/record-digest.js';
import { RecordTransfer, type TransferParts } from './record-transfer.js';

export interface ExchangeTask {
  readonly partition: PartitionId;
  readonly peer: NodeIndex;
  /** Which way records travel: a node that is no holder gives what it kept for others, and takes nothing. */
  readonly way: 'both' | 'pull' | 'push';
  readonly dryRun: boolean;
  /**
   * Whether it takes records of a peer that does not count. A node that counts does not: what only a disk from the past holds
   * may long be deleted. Nodes that do not count themselves make up for each other, where too few others do.
   */
  readonly takesOfDoubtful: boolean;
}

/** What a pull leaves to the node: keys that it holds and the peer does not, and records that may not simply be merged. */
export interface PullHooks {
  readonly onlyHere: (key: Uint8Array, env: Env) => void;
  /** Whether it can look into one more such key now. */
  readonly hasRoom: () => boolean;
  readonly onFetched: TransferParts['onFetched'];
}

interface ListBody {
  readonly entries: Uint8Array;
  readonly end?: Uint8Array;
  readonly partial?: boolean;
  readonly doubts?: boolean;
}

type Phase = 'roots' | 'levels' | 'confirm' | 'listing' | 'merging' | 'draining' | 'done';

const ROOT: Level = { bits: 0, nodes: [] };
/** Between the two looks at nodes that differ: longer than a write is on its way. */
const CONFIRM_MS = 200;
/** Before a peer that is still building its tree is asked again. */
const BUILDING_MS = 50;
/** A question without an answer is asked again so often: it may have been lost with a connection. */
const REPEAT_MS = 1_000;
/** Without any word for so long the peer is given up. */
const SILENCE_MS = 15_000;

const digester = new RecordDigester();

export class Exchange {
  readonly task: ExchangeTask;
  readonly transfer: RecordTransfer;
  phase: Phase = 'roots';
  /** How it ended: 0, or an outcome. */
  outcome = 0;
  /** Whether the peer said that it counts, and that it cannot read some of what it holds. */
  #peerCounts = false;
  #peerIsPartial = false;
  /** Keys whose records differ; and whether some of the peer's were not taken, since it does not count. */
  differing = 0;
  leavesSome = false;
  #isDrained = false;
  readonly #hooks: PullHooks;
  readonly #newRequest: () => number;
  #level = ROOT;
  #bitsMax = 0;
  #nodes = new NodeSet(ROOT);
  #merge = new PageMerge([], () => undefined);
  /** The last key of the partition that both sides have dealt with, and the last that the peer has listed. */
  #after: Uint8Array | undefined;
  #end: Uint8Array | undefined;
  /** Request id of the question that waits for its answer; 0 where there is none. */
  #question = 0;
  readonly beganAtMs: number;
  /** When to ask, or to ask again, and when the peer was last heard of. */
  #askAtMs: number;
  #heardAtMs: number;

  constructor(task: ExchangeTask, newRequest: () => number, hooks: PullHooks, env: Env) {
    const { partition, peer, way, takesOfDoubtful } = task;
    this.task = task;
    this.#newRequest = newRequest;
    this.#hooks = hooks;
    this.transfer = new RecordTransfer({
      partition,
      peer,
      newRequest,
      isLastCopy: way === 'push',
      takesOfDoubtful,
      onFetched: hooks.onFetched,
    });
    this.beganAtMs = env.nowMs();
    this.#askAtMs = this.beganAtMs;
    this.#heardAtMs = this.beganAtMs;
  }

  /** Once it is done: whether this node holds all that the peer held. What the peer has not taken is another matter. */
  get isMerged(): boolean {
    return !this.leavesSome && (this.outcome === 0 || (this.#isDrained && !this.transfer.lacksSome));
  }

  /**
   * Whether the peer stands for all writes that it has acknowledged: one with a record that it cannot read does not, nor one
   * that was found in doubt at last, having begun anew meanwhile.
   */
  get peerStands(): boolean {
    return this.#peerCounts && !this.#peerIsPartial && !this.transfer.isDoubtful;
  }

  /** Whether there is work that waits for nothing. */
  get isBusy(): boolean {
    return this.phase === 'merging' && !this.transfer.isFull;
  }

  /** Does what can be done now, of its own keys at most `records`; `tree`: undefined while it is being built. */
  advance(tree: HashTree | undefined, records: number, env: Env, onCorrupt: (key: Uint8Array) => void): void {
    if (tree === undefined) this.#heardAtMs = env.nowMs();
    if (!env.placement.isUp(this.task.peer)) this.#end_(failure('KV_UNAVAILABLE'));
    else if (sinceMs(this.#heardAtMs, env) > SILENCE_MS) this.#end_(failure('KV_DEADLINE_EXCEEDED'));
    else if (this.phase === 'merging') this.#mergeSlice(records, env, onCorrupt);
    else if (this.phase === 'draining') this.#drain(env);
    else if (tree !== undefined && sinceMs(this.#askAtMs, env) >= 0) this.#ask(env);
  }

  #end_(outcome: number): void {
    this.phase = 'done';
    this.outcome = outcome;
  }

  /** Asks what is to be known next; the same once more where that is under way, under its number. */
  #ask(env: Env): void {
    const { partition, peer } = this.task;
    const isList = this.phase === 'listing';
    const after = this.#after;
    const nodes = packWords(Uint16Array.from(this.#level.nodes));
    const body = encodeBody({ nodes, ...(isList && after !== undefined && { after }) });
    const to = addressOf(Role.antiEntropy, peer, 0);
    const bytes = bodyMessageBytes(Compare.body, body);
    const question = this.#question === 0 ? this.#newRequest() : this.#question;
    const out = env.open(isList ? Kind.list : Kind.compare, to, question, bytes);
    if (out === undefined) return;
    out.words[out.at + Compare.partition] = partition;
    out.words[out.at + Compare.bits] = this.#level.bits;
    putBody(out.words, out.bytes, out.at + Compare.body, body);
    this.#question = question;
    this.#askAtMs = (env.nowMs() + REPEAT_MS) | 0;
  }

  /** Whether an answer is one that this exchange waits for. */
  #heard(message: MessageView, env: Env): boolean {
    if (message.request !== this.#question) return false;
    this.#question = 0;
    this.#heardAtMs = env.nowMs();
    this.#askAtMs = env.nowMs();
    return true;
  }

  /** Digests have come. */
  compared(message: MessageView, tree: HashTree | undefined, env: Env): void {
    if (this.phase === 'listing' || !this.#heard(message, env)) return;
    if (tree === undefined || !isSuccess(message.u32(Compared.outcome))) {
      this.#askAtMs = (env.nowMs() + BUILDING_MS) | 0;
      return;
    }
    const counting: Counting = message.u32(Compared.counts);
    this.#peerCounts = counting !== Counting.inDoubt;
    this.#peerIsPartial ||= counting === Counting.partly;
    if (this.phase === 'roots') this.#comparedRoots(message, tree);
    else this.#comparedLevel(message, tree, env);
  }

  #comparedRoots(message: MessageView, tree: HashTree): void {
    const isSame =
      (message.u32(Compared.rootHigh) | 0) === tree.rootHigh && (message.u32(Compared.rootLow) | 0) === tree.rootLow;
    this.#bitsMax = Math.min(tree.bits, message.u32(Compared.depth));
    this.#level = FIRST_LEVEL;
    this.phase = isSame ? 'done' : 'levels';
  }

  #comparedLevel(message: MessageView, tree: HashTree, env: Env): void {
    const level = this.#level;
    const { digests } = readBody(message, Compared.body) as { digests: Uint8Array };
    if (digests.length === 0 || tree.bits < level.bits) {
      // either tree was built anew meanwhile, with fewer leaves
      this.#level = ROOT;
      this.phase = 'roots';
      return;
    }
    const differing = differingNodes(level, tree.digests(level), unpackWords(digests, 2 * level.nodes.length));
    const isSecondLook = this.phase === 'confirm';
    const step: WalkStep = nextStep(level.bits, differing, isSecondLook ? level.bits : this.#bitsMax);
    if (step.kind === 'equal') this.phase = 'done';
    else {
      this.#level = step.level;
      if (step.kind === 'compare') return;
      this.phase = isSecondLook ? 'listing' : 'confirm';
      if (isSecondLook) this.#nodes = new NodeSet(step.level);
      else this.#askAtMs = (env.nowMs() + CONFIRM_MS) | 0;
    }
  }

  /** A list of keys has come. */
  listed(message: MessageView, env: Env): void {
    if (this.phase !== 'listing' || !this.#heard(message, env)) return;
    if (!isSuccess(message.u32(Listed.outcome))) {
      this.#askAtMs = (env.nowMs() + BUILDING_MS) | 0;
      return;
    }
    const { entries, end, partial, doubts } = readBody(message, Listed.body) as ListBody;
    this.#peerIsPartial ||= partial === true;
    if (doubts === true) this.#peerCounts = false;
    this.#end = message.u32(Listed.more) === 1 ? end : undefined;
    this.#merge = new PageMerge(unpackEntries(entries), (key) => {
      if (this.#takes) this.#differs(() => this.transfer.want(key));
      else this.leavesSome = true;
    });
    this.phase = 'merging';
  }

  get #takes(): boolean {
    return this.task.way !== 'push' && (this.#peerCounts || this.task.takesOfDoubtful);
  }

  get #hasRoom(): boolean {
    return !this.transfer.isFull && this.#hooks.hasRoom();
  }

  #differs(act: () => void): void {
    this.differing++;
    if (!this.task.dryRun) act();
  }

  /** Goes on with this node's own keys, up to where the peer has listed. */
  #mergeSlice(records: number, env: Env, onCorrupt: (key: Uint8Array) => void): void {
    this.transfer.pump(env);
    if (!this.#hasRoom) return;
    const after = this.#after;
    const end = this.#end;
    const bounds = { ...(after !== undefined && { gt: after }), ...(end !== undefined && { lte: end }) };
    let last: Uint8Array | undefined;
    const more = env.store.page(this.task.partition, { ...bounds, limit: records, onCorrupt }, (words, at) => {
      last = keyAt(words, at);
      if (this.#nodes.has(keyHigh(words, at))) this.#mergeOwn(words, at, last, env);
      return this.#hasRoom;
    });
    this.#after = last ?? after;
    this.transfer.pump(env);
    if (more) return;
    this.#merge.end();
    this.#after = end;
    this.phase = end === undefined ? 'draining' : 'listing';
  }

  #mergeOwn(words: Int32Array, at: number, key: Uint8Array, env: Env): void {
    const verdict = this.#merge.add(digester.entry(words, at));
    const { way } = this.task;
    if (verdict !== 'same' && verdict !== 'send' && !this.#takes) this.leavesSome = true;
    if (verdict === 'same' || (verdict === 'fetch' && !this.#takes)) return;
    this.#differs(() => {
      if (verdict !== 'send' && this.#takes) this.transfer.want(key);
      if (verdict === 'fetch') return;
      if (way !== 'pull') this.transfer.send(words, at, env);
      else if (verdict === 'send') this.#hooks.onlyHere(key, env);
    });
  }

  #drain(env: Env): void {
    this.transfer.pump(env);
    this.#isDrained = this.transfer.isIdle;
    if (this.#isDrained) this.#end_(this.transfer.outcome);
  }

  /** Records move; so the peer is there. */
  moved(env: Env): void {
    this.#heardAtMs = env.nowMs();
  }
}

function sinceMs(timeMs: number, env: Env): number {
  return (env.nowMs() - timeMs) | 0;
}
