/**
 * A simulated client: sends writes, reads and scans as src/client does, and keeps a history of every call with its start,
 * its end and its outcome. A call ends with its reply, with the end of the node that it went to, or at its deadline.
 */
import { addressOf, Role } from '../actor/address.js';
import type { PageRequest } from '../actor/ports.js';
import type { ErrorCode } from '../core/errors.js';
import type { NodeIndex } from '../core/ids.js';
import { SessionClock } from '../core/session-clock.js';
import { WroteMany } from '../protocol/batch-messages.js';
import { MessageView } from '../protocol/header.js';
import { Kind, Written } from '../protocol/messages.js';
import { takeAnswer, takeWritten } from './call-answers.js';
import {
  beginRead,
  beginWrite,
  type Call,
  type CallBase,
  type CallOptions,
  type ReadCall,
  type ScanCall,
  type WriteCall,
} from './calls.js';
import type { ClientFaults } from './client-faults.js';
import { describeCall } from './describe-call.js';
import {
  codeOf,
  type Draft,
  pageEntries,
  partsOf,
  type ReadOrder,
  readDraft,
  scanDraft,
  type WriteOrder,
  writeDraft,
  writeManyDraft,
  writtenClock,
} from './messages.js';
import { SimPost } from './network.js';
import type { SimHost } from './sim-host.js';
import { CLOCK_DRIFT_MAX_MS } from './sim-node.js';
import type { World } from './world.js';

interface OpenCall {
  readonly call: Call;
  readonly done: ((call: Call) => void) | undefined;
}

const DEADLINE_MS = 1_000;
const PAGE_BYTES_MAX = 32 * 1024;
/** A call may end this much behind its deadline, as the real client's sweep. */
const SWEEP_MS = 25;

export class SimClient {
  readonly seat: number;
  readonly history: Call[] = [];
  readonly #session = new SessionClock(CLOCK_DRIFT_MAX_MS);
  readonly #world: World;
  readonly faults: ClientFaults;
  readonly #post: SimPost;
  readonly #open = new Map<number, OpenCall>();
  /** Of a message with many writes, by its request id: the ids of their calls. */
  readonly #members = new Map<number, readonly number[]>();
  readonly #asked = new Map<number, (message: MessageView) => void>();
  readonly #view = new MessageView();
  readonly #out = { words: new Int32Array(0), bytes: Buffer.alloc(0), at: 0 };
  #nextId = 1;
  #writes = 0;

  constructor(world: World, seat: number, faults: ClientFaults = {}) {
    this.faults = faults;
    this.#world = world;
    this.seat = seat;
    this.#post = new SimPost(world.network, world.nodes.length + seat);
  }

  get inFlight(): number {
    return this.#open.size;
  }

  write(order: WriteOrder, options: CallOptions = {}): WriteCall {
    const node = options.node ?? this.#route(order);
    this.#passBy([order], node);
    const call = this.#writeCall(order, node, options.position);
    const { epoch } = this.#world.ringOf(this.#host);
    const deadlineMs = this.#deadline(node, order.deadlineMs);
    const draft = writeDraft({ epoch, ...call.order, deadlineMs });
    this.#send([call], addressOf(Role.coordinator, node, 0), draft, options, order.deadlineMs);
    return call;
  }

  /** Many writes in one message, to the node of the first; they ask for the same, and have different keys. */
  writeMany(orders: readonly WriteOrder[], options: CallOptions = {}): WriteCall[] {
    const [first] = orders;
    const node = options.node ?? this.#route(first);
    this.#passBy(orders, node);
    const calls = orders.map((order) => this.#writeCall(order, node));
    const { epoch } = this.#world.ringOf(this.#host);
    const deadlineMs = this.#deadline(node, first.deadlineMs);
    const draft = writeManyDraft(calls.map(({ order }) => ({ epoch, ...order, deadlineMs })));
    this.#send(calls, addressOf(Role.coordinator, node, 0), draft, options, first.deadlineMs);
    return calls;
  }

  #writeCall(order: WriteOrder, node: number, position = this.#writes++): WriteCall {
    const { callerClock } = this.#session;
    const latest = this.#session.latest(this.#host.clock.wallMs, order.deadlineMs ?? DEADLINE_MS);
    const filled = { callerClock, incarnation: this.#world.nodes[node].life, latest, ...order };
    if (this.faults.dropsContexts === true) delete filled.context;
    return beginWrite(this.#base(node), filled, position);
  }

  /** What is to be newer than a write of its key that another node may still mint. */
  #passBy(orders: readonly WriteOrder[], node: number): void {
    const keys = orders.map(({ key }) => key);
    for (const { call } of this.#open.values()) {
      const isPassed = call.kind === 'write' && call.node !== node && keys.includes(call.order.key);
      if (isPassed && this.faults.overtakes !== true) this.#session.gaveUp(call.order.latest ?? 0);
    }
  }

  read(order: ReadOrder, options: CallOptions = {}): ReadCall {
    const node = options.node ?? this.#route(order);
    const call = beginRead(this.#base(node), order);
    const { epoch } = this.#world.ringOf(this.#host);
    const draft = readDraft({ epoch, ...order, deadlineMs: this.#deadline(node, order.deadlineMs) });
    this.#send([call], addressOf(Role.coordinator, node, 0), draft, options, order.deadlineMs);
    return call;
  }

  /** A page of one partition, from one node. */
  scan(node: NodeIndex, partition: number, request: PageRequest, { done }: Pick<CallOptions, 'done'> = {}): ScanCall {
    const call: ScanCall = { ...this.#base(node), kind: 'scan', entries: [], more: false };
    const draft = scanDraft(request, PAGE_BYTES_MAX);
    this.#send([call], addressOf(Role.vnode, node, partition), draft, { ...(done && { done }) }, undefined);
    return call;
  }

  #base(node: number): CallBase {
    const startMs = this.#world.nowMs;
    return { client: this.seat, node, startMs, endMs: Number.POSITIVE_INFINITY, error: undefined };
  }

  /** On the clock of the host that it is sent to: a bridge sends what is left of the time. */
  #deadline(node: number, deadlineMs = DEADLINE_MS): number {
    return (this.#world.hostOf(node).clock.nowMs + deadlineMs) >>> 0;
  }

  /** What its own wall clock says. */
  get wallMs(): number {
    return this.#host.clock.wallMs;
  }

  isOn(host: SimHost): boolean {
    return this.#host === host;
  }

  get #host(): SimHost {
    return this.#world.hostOf(this.#world.nodes.length + this.seat);
  }

  #route({ key, available = false }: WriteOrder | ReadOrder): number {
    const holders = this.#world.ringOf(this.#host).lists[partsOf(key).slot >>> this.#world.slotShift];
    const isUp = (node: number) => this.#world.isUp(node, this.#host);
    const other = () => (available ? this.#world.nodes.find(({ index }) => isUp(index))?.index : undefined);
    return holders.find(isUp) ?? other() ?? holders[0];
  }

  /** For the trace, when a call begins and when it ends. */
  #note(call: Call): void {
    const { trace, nowMs } = this.#world;
    trace.note(
      nowMs,
      () => `client ${this.seat} ${describeCall(call)}`,
      call.kind === 'scan' ? undefined : call.order.key,
    );
  }

  /** Sends the message that all of these calls travel in. Each ends for itself. */
  #send(calls: readonly Call[], to: number, draft: Draft, { done }: CallOptions, deadlineMs = DEADLINE_MS): void {
    const ids = calls.map((call) => {
      this.history.push(call);
      this.#note(call);
      this.#open.set(this.#nextId, { call, done });
      return this.#nextId++;
    });
    const failAll = (error: ErrorCode) => {
      for (const id of ids) this.#fail(id, error);
    };
    if (!this.#world.isUp(calls[0].node, this.#host)) {
      failAll('KV_UNAVAILABLE');
      return;
    }
    const out = this.#out;
    if (!this.#post.open(out, draft.bytes, draft.tag, to, addressOf(Role.client, 0, this.seat), ids[0], 0)) {
      failAll('KV_OVERLOADED');
      return;
    }
    draft.fill(out.words, out.bytes, out.at);
    this.#post.publish();
    if (calls.length > 1) this.#members.set(ids[0], ids);
    this.#world.schedule(this.#world.nowMs + deadlineMs + SWEEP_MS, () => failAll('KV_DEADLINE_EXCEEDED'));
  }

  #fail(id: number, error: ErrorCode): void {
    const open = this.#open.get(id);
    if (open === undefined) return;
    open.call.error = error;
    if (open.call.kind === 'write') this.#session.gaveUp(open.call.order.latest ?? 0);
    this.#end(id, open);
  }

  #end(id: number, { call, done }: OpenCall): void {
    this.#open.delete(id);
    call.endMs = this.#world.nowMs;
    this.#note(call);
    done?.(call);
  }

  /** What was asked of this node will not be answered. */
  nodeEnded(node: number): void {
    for (const [id, { call }] of this.#open) {
      if (call.node === node) this.#world.schedule(this.#world.nowMs + SWEEP_MS, () => this.#lost(id, call));
    }
  }

  /** A write to another host is not told lost before nobody can mint it any more. */
  #lost(id: number, call: Call): void {
    const host = this.#host;
    const mayStillBegin = call.kind === 'write' && this.#world.hostOf(call.node) !== host;
    const leftMs = mayStillBegin ? (call.order.latest ?? 0) - host.clock.wallMs : -1;
    if (leftMs < 0 || !this.#open.has(id)) this.#fail(id, 'KV_NODE_RESTARTED');
    else this.#world.schedule(this.#world.nowMs + leftMs + 1, () => this.#lost(id, call));
  }

  /** Takes all mail that has arrived. */
  takeMail(): void {
    for (let node = 0; node < this.#world.nodes.length; node++) {
      const lane = this.#world.network.lane(node, this.#world.nodes.length + this.seat);
      lane.quota = Number.POSITIVE_INFINITY;
      for (let at = lane.next(); at >= 0; at = lane.next()) {
        this.#view.point(lane.words, lane.bytes, at);
        this.#settle(this.#view);
      }
      lane.release();
    }
  }

  /** Sends what is no call of the history; whether there was room. Each answer goes to `onAnswer`. */
  ask(draft: Draft, to: number, onAnswer: (message: MessageView) => void): boolean {
    const id = this.#nextId++;
    const out = this.#out;
    if (!this.#post.open(out, draft.bytes, draft.tag, to, addressOf(Role.client, 0, this.seat), id, 0)) return false;
    draft.fill(out.words, out.bytes, out.at);
    this.#post.publish();
    this.#asked.set(id, onAnswer);
    return true;
  }

  /** A run of the writes that travelled together. */
  #settleMany(message: MessageView): void {
    const ids = this.#members.get(message.request) ?? [];
    const first = message.u32(WroteMany.first);
    const count = message.u32(WroteMany.count);
    for (const id of ids.slice(first, count === 0 ? ids.length : first + count)) this.#settleCall(message, id);
  }

  #settle(message: MessageView): void {
    if (message.tag === Kind.wroteMany) this.#settleMany(message);
    else this.#settleCall(message, message.request);
  }

  #settleCall(message: MessageView, id: number): void {
    const open = this.#open.get(id);
    if (open === undefined) {
      this.#asked.get(id)?.(message);
      return;
    }
    const { call } = open;
    call.error = codeOf(message.u32(Written.outcome));
    if (call.kind === 'write') this.#written(call, message);
    else if (call.kind === 'read') {
      takeAnswer(call, message, this.wallMs, this.faults.ignoresExpiry === this.seat ? 0 : this.wallMs);
    } else if (call.kind === 'scan' && call.error === undefined) Object.assign(call, pageEntries(message));
    this.#end(id, open);
  }

  #written(call: WriteCall, message: MessageView): void {
    call.detail = message.u32(Written.detail);
    const reached = writtenClock(message);
    if (call.error === 'KV_DEADLINE_EXCEEDED') this.#session.refused(reached, call.detail, this.#host.clock.wallMs);
    else this.#session.heard(reached);
    if (call.error === undefined) takeWritten(call, message);
  }
}
