/**
 * Writes of keys whose record on this node cannot be read. They wait, in their order, until the key's other holders have said
 * what they hold (core/mend.ts); that takes the place of the damaged record, and then they are minted over it.
 *
 *   vnode or batch -> mend -> here -> fetch -> the others -> fetched -> here -> replicate, mended ... -> own vnode -> minted
 *
 * Nothing is minted before: what only the damaged record knew may be among what the others hold.
 */
import { addressOf, nodeOf, Role } from '../src/actor/address.js';
import type { Env } from '../src/actor/env.js';
import type { ErrorCode } from '../src/core/errors.js';
import type { NodeIndex } from '../src/core/ids.js';
import { decideMend, type MendStep } from '../src/core/mend.js';
import { emptySet, mergeSets, type SiblingSet } from '../src/core/siblings.js';
import { HEADER_WORDS, MessageView } from '../src/protocol/header.js';
import { Kind, Write } from '../src/protocol/messages.js';
import { Ask, failure, isOlderThan, withEpoch } from '../src/protocol/outcome.js';
import { copyWords, sizeOf } from '../src/protocol/record.js';
import { type KeyParts, keyParts } from '../src/protocol/record-set.js';
import { isTooLate } from './late-write.js';
import { decodeFetched, isUnreadable, othersOf, replaceUnreadable } from './mend-answers.js';
import { sendFetch } from './record-transfer.js';
import { keyNameAt, type UnreadKeys } from './unread-keys.js';
import { failUnminted } from './write-settlement.js';
import type { WriteTable } from './write-table.js';

/** A write that waits, as it came; its request is the id of its slot. */
interface Waiting {
  readonly message: MessageView;
  readonly id: number;
  /** Of the ring that its places were chosen by. */
  readonly epoch: number;
}

/** A key whose writes wait: for answers, and then for those before them to be minted. */
interface Mend {
  readonly name: string;
  readonly request: number;
  readonly partition: number;
  readonly key: KeyParts;
  readonly sinceMs: number;
  askedAtMs: number;
  /** Of each holder that has answered. */
  readonly outcomes: Map<NodeIndex, number>;
  held: SiblingSet;
  writes: Waiting[];
  /** Ids of those that are being minted; the first ones begin when all is known. */
  readonly minting: Set<number>;
  isSettled: boolean;
}

/** Most writes that wait, and most bytes of them: further ones are refused. */
const WAITING_MAX = 1_024;
const BYTES_MAX = 8 * 1024 * 1024;
/** Who has not answered by then is asked again: either message may have been lost with a connection. */
const REPEAT_MS = 200;
/** Who is not needed is waited for so long. */
const LATE_MS = 100;

export class Mending {
  readonly #table: WriteTable;
  readonly #w: number;
  readonly #unread: UnreadKeys;
  readonly #byRequest = new Map<number, Mend>();
  readonly #byName = new Map<string, Mend>();
  /** By the ids of the writes that wait, and of those that are being minted. */
  readonly #waiting = new Map<number, Mend>();
  readonly #minting = new Map<number, Mend>();
  #bytes = 0;
  #nextRequest: number;

  /** `w`: the smallest W of writes. */
  constructor(table: WriteTable, w: number, unread: UnreadKeys, env: Env) {
    this.#table = table;
    this.#w = w;
    this.#unread = unread;
    this.#nextRequest = env.random() >>> 1;
    unread.clear();
  }

  /** Whether the write of this id waits. */
  holds(id: number): boolean {
    return this.#waiting.has(id);
  }

  /** A write has come back from its vnode, or from its batch. */
  begin(message: MessageView, env: Env): void {
    const id = message.request;
    const slot = this.#table.slotOf(id);
    if (slot < 0) return;
    if (this.#waiting.size >= WAITING_MAX || this.#bytes + message.size > BYTES_MAX) {
      failUnminted(env, this.#table, slot, failure('KV_OVERLOADED'));
      return;
    }
    const name = keyNameAt(message.bytes, message.words, message.at + Write.record);
    const mend = this.#byName.get(name) ?? this.#open(name, message, this.#table.partition[slot], env);
    mend.writes.push({ message: copyOf(message), id, epoch: env.placement.epoch });
    this.#waiting.set(id, mend);
    this.#bytes += message.size;
    this.#step(mend, env);
  }

  #open(name: string, message: MessageView, partition: number, env: Env): Mend {
    const request = this.#nextRequest;
    // never one of a read's, which are negative
    this.#nextRequest = (request + 1) & 0x7fff_ffff;
    const nowMs = env.nowMs();
    const mend: Mend = {
      name,
      request,
      partition,
      key: keyParts(message.words, message.bytes, message.at + Write.record),
      sinceMs: nowMs,
      askedAtMs: nowMs,
      outcomes: new Map(),
      held: emptySet(),
      writes: [],
      minting: new Set(),
      isSettled: false,
    };
    this.#byRequest.set(request, mend);
    this.#byName.set(name, mend);
    this.#unread.add(name);
    this.#ask(mend, env);
    return mend;
  }

  #close({ name, request }: Mend): void {
    this.#byRequest.delete(request);
    this.#byName.delete(name);
    this.#unread.delete(name);
  }

  /** Asks whoever is up and has not said what it holds. */
  #ask(mend: Mend, env: Env): void {
    const { request, partition, key } = mend;
    mend.askedAtMs = env.nowMs();
    for (const { node, state } of othersOf(mend.partition, mend.outcomes, env)) {
      if (state !== 'asked') continue;
      // a mailbox without room is asked again
      sendFetch(env, { to: addressOf(Role.vnode, node, partition), request, key: key.bytes, isStrict: true });
    }
  }

  /** A holder has said what it holds. */
  fetched(message: MessageView, env: Env): void {
    const mend = this.#byRequest.get(message.request);
    if (mend === undefined) return;
    const { outcome, held } = decodeFetched(message);
    mend.outcomes.set(nodeOf(message.from), outcome);
    mend.held = mergeSets(mend.held, held);
    this.#step(mend, env);
  }

  /** A write was minted, or was not: those behind it follow. */
  minted(id: number, env: Env): void {
    const mend = this.#minting.get(id);
    if (mend === undefined) return;
    this.#minting.delete(id);
    mend.minting.delete(id);
    this.#step(mend, env);
  }

  /** Gives up writes whose time is over, and asks again who has not answered. */
  visit(env: Env): void {
    for (const mend of this.#byName.values()) {
      // whoever was to mint it threw, and it has failed
      for (const id of mend.minting) if (this.#table.slotOf(id) < 0) this.minted(id, env);
      const late = mend.writes.filter(({ message }) => isTooLate(message, env));
      if (late.length > 0) {
        mend.writes = mend.writes.filter((write) => !late.includes(write));
        this.#fail(late, this.#decide(mend, env), env);
      }
      if (!mend.isSettled && ((env.nowMs() - mend.askedAtMs) | 0) >= REPEAT_MS) this.#ask(mend, env);
      this.#step(mend, env);
    }
  }

  #decide(mend: Mend, env: Env): MendStep {
    const isLate = ((env.nowMs() - mend.sinceMs) | 0) >= LATE_MS;
    return decideMend({ n: env.placement.n, w: this.#w, isLate }, othersOf(mend.partition, mend.outcomes, env));
  }

  #step(mend: Mend, env: Env): void {
    const { writes } = mend;
    if (writes.length > 0 && !mend.isSettled) {
      const step = this.#decide(mend, env);
      if (step.state === 'wait') return;
      // it may have been replaced by somebody else, though too few have answered here
      if (step.state === 'settled' || !isUnreadable(writes[0].message, env)) this.#settle(mend, env);
      else {
        mend.writes = [];
        this.#fail(writes, step, env);
      }
    }
    if (mend.isSettled && mend.minting.size === 0) this.#mint(mend, env);
    if (mend.writes.length === 0 && mend.minting.size === 0) this.#close(mend);
  }

  #fail(writes: readonly Waiting[], { state, needed, got }: MendStep, env: Env): void {
    const code = state === 'KV_CORRUPT' ? state : 'KV_UNAVAILABLE';
    for (const write of writes) this.#refuse(write, code, (needed << 8) | got, env);
  }

  #refuse(write: Waiting, code: ErrorCode, detail: number, env: Env): void {
    this.#release(write);
    const slot = this.#table.slotOf(write.id);
    if (slot >= 0) failUnminted(env, this.#table, slot, failure(code), { detail });
  }

  #release({ message, id }: Waiting): void {
    this.#waiting.delete(id);
    this.#bytes -= message.size;
  }

  /** All is known: has the own vnode take what the others hold, where it still cannot read its own. */
  #settle(mend: Mend, env: Env): void {
    const { partition, key, held, writes } = mend;
    mend.isSettled = true;
    // where somebody else has replaced it meanwhile, it may have been forgotten since
    if (held.vector.length === 0 || !isUnreadable(writes[0].message, env)) return;
    if (replaceUnreadable(partition, key, held, env)) return;
    mend.writes = [];
    for (const write of writes) this.#refuse(write, 'KV_TOO_MANY_SIBLINGS', 0, env);
  }

  /** Has the own vnode mint what has waited, in its order. */
  #mint(mend: Mend, env: Env): void {
    const { partition, held, writes, minting } = mend;
    mend.writes = [];
    for (const write of writes) {
      if (isOlderThan(withEpoch(0, write.epoch), env.placement.changedAt[partition])) {
        // its places are those of another ring; nothing of it was done
        this.#refuse(write, 'KV_STALE_EPOCH', 0, env);
        continue;
      }
      this.#release(write);
      const { words, size } = write.message;
      const out = env.open(Kind.mended, addressOf(Role.vnode, env.node, partition), write.id, size);
      if (out === undefined) continue;
      copyWords(words, HEADER_WORDS, out.words, out.at + HEADER_WORDS, size / 4 - HEADER_WORDS);
      if (held.vector.length === 0) out.words[out.at + Write.options] |= Ask.repair;
      minting.add(write.id);
      this.#minting.set(write.id, mend);
    }
  }
}

function copyOf(message: MessageView): MessageView {
  const words = message.words.slice(message.at, message.end);
  const copy = new MessageView();
  copy.point(words, Buffer.from(words.buffer), 0);
  return copy;
}

/** Hands a member of a batch to this coordinator as a write that was sent alone; false where there is no room. */
export function mendMember(message: MessageView, record: number, id: number, env: Env): boolean {
  const { words, at } = message;
  const recordWords = sizeOf(words, record) >>> 2;
  const out = env.open(Kind.mend, env.self, id, (Write.record + recordWords) * 4);
  if (out === undefined) return false;
  copyWords(words, at + HEADER_WORDS, out.words, out.at + HEADER_WORDS, Write.record - HEADER_WORDS);
  copyWords(words, record, out.words, out.at + Write.record, recordWords);
  return true;
}
