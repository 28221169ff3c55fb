/**
 * Plans and changes of the ring, asked for by the thread that opened the store: a plan is the pure change of core, with the
 * sizes that the present holders count; a change is handed to the ring keeper of a member and then watched.
 */
import { addressOf, Role } from '../actor/address.js';
import { StoreError, type WireError } from '../core/errors.js';
import type { HostClaim } from '../core/host-claims.js';
import { type NodeIndex, nodeIndex } from '../core/ids.js';
import { checkOption, invalidOption } from '../core/option-check.js';
import { OPTION_SPECS } from '../core/options.js';
import type { Member } from '../core/ring.js';
import { wasCalledOff } from '../core/ring-abort.js';
import { beginChange, electorate, type RingChange, transfersOf } from '../core/ring-change.js';
import { isHostChange } from '../core/ring-hosts.js';
import { readRing } from '../core/ring-packing.js';
import { movingPartitions, type RingState } from '../core/ring-state.js';
import type { NodeStats } from '../host/reports.js';
import { bodyMessageBytes, encodeBody, putBody, readBody } from '../protocol/body.js';
import type { MessageView } from '../protocol/header.js';
import { Kind } from '../protocol/messages.js';
import { isSuccess } from '../protocol/outcome.js';
import { ChangeRing, RingChanged } from '../protocol/ring-messages.js';
import { checkChange, checkPlan } from './change-shape.js';
import { renewNode } from './node-renewal.js';
import { measurePartition } from './partition-size.js';
import type {
  ChangeOptions,
  ChangeProgress,
  ChangeResult,
  PlannedTransfer,
  PlanOptions,
  RingPlan,
  StoreChange,
} from './ring-types.js';
import type { StoreCore } from './store-core.js';
import { PromiseWaiter } from './waiters.js';

/** What a host lends to those who change its ring. */
export interface RingAdmin {
  ring(): RingState;
  /** Copied so far by the nodes of the host. */
  moved(): { readonly bytes: number; readonly records: number };
  isUp(node: number): boolean;
  /** Whether a node that is up counts for all that it holds, as its host has told last; undefined where that is not known. */
  counts(node: number): boolean | undefined;
  /** Hosts that are known, this one too, and the ranges that they go by. */
  hosts(): readonly HostClaim[];
  /** Nodes of the host under free indices. @throws StoreError KV_INVALID_OPTION without room */
  candidates(weights: readonly number[]): Member[];
  startJoining(members: readonly Member[]): Promise<void>;
  cancelJoining(members: readonly Member[]): Promise<void>;
  /** A node of the host begins anew with nothing on its disk; resolves when it serves. @throws StoreError what its start threw */
  renew(node: number): Promise<void>;
  /** Of the nodes of the host. */
  stats(): readonly NodeStats[];
  /** Resolves with the next change of the ring, or after a while. */
  nextChange(): Promise<void>;
}

/** A change as core knows it, and the nodes of this host that are new in it. */
interface Resolved {
  readonly change: RingChange;
  readonly joining: readonly Member[];
  readonly gone: readonly NodeIndex[];
}

/** Time for a majority to decide. */
const DECIDE_MS = 15_000;
const PARALLEL_MEASURES = 8;

export class RingChanges {
  readonly #core: StoreCore;
  readonly #admin: RingAdmin;

  constructor(core: StoreCore, admin: RingAdmin) {
    this.#core = core;
    this.#admin = admin;
  }

  /** @throws StoreError KV_INVALID_OPTION, KV_FAILURE_DOMAINS, KV_RING_CHANGING, KV_RING_TOO_LARGE, KV_UNAVAILABLE */
  async plan(wanted: StoreChange, options: PlanOptions = {}): Promise<RingPlan> {
    checkPlan(wanted, options);
    const { force = false } = options;
    const { change, gone } = this.#resolve(wanted, force);
    const ring = this.#admin.ring();
    const next = beginChange(ring, change, gone);
    const moves = transfersOf(next);
    const transfers: PlannedTransfer[] = [];
    for (let i = 0; i < moves.length; i += PARALLEL_MEASURES) {
      const group = moves.slice(i, i + PARALLEL_MEASURES);
      transfers.push(...(await Promise.all(group.map((move) => this.#measure(move, ring.epoch)))));
    }
    const lists = next.move?.next ?? next.lists;
    const total = (of: (transfer: PlannedTransfer) => number) => transfers.reduce((sum, one) => sum + of(one), 0);
    return {
      kind: wanted.kind,
      changesRing: next.epoch !== ring.epoch,
      nodes: (next.move?.members ?? next.members).map(({ node, weight }) => ({
        node,
        weight,
        replicas: lists.filter((list) => list.includes(node)).length,
      })),
      gone,
      partitions: movingPartitions(next).length,
      replicas: transfers.length,
      records: total(({ records }) => records),
      bytes: total(({ bytes }) => bytes),
      transfers,
    };
  }

  async #measure(move: ReturnType<typeof transfersOf>[number], epoch: number): Promise<PlannedTransfer> {
    const { partition, to } = move;
    const from = move.sources.find((node) => this.#admin.isUp(node));
    if (from === undefined) return { partition, to, bytes: 0, records: 0 };
    return { partition, to, from, ...(await measurePartition(this.#core, { node: from, partition, epoch })) };
  }

  /** @throws StoreError as `plan`, KV_ABORTED where it was called off meanwhile, or what the start of a new node threw */
  async change(wanted: StoreChange, options: ChangeOptions = {}): Promise<ChangeResult> {
    checkChange(wanted, options);
    if (wanted.kind === 'replace' && wanted.same === true) {
      return renewNode(this.#admin, wanted.nodes, options, () => this.#core.checkOpen());
    }
    const { force = false, wait = true, onProgress = () => undefined } = options;
    const resolved = this.#resolve(wanted, force);
    // refused before anything is started, where it can be seen from here
    beginChange(this.#admin.ring(), resolved.change, resolved.gone);
    const { joining } = resolved;
    const before = this.#admin.moved();
    await this.#admin.startJoining(joining);
    let begun: RingState;
    try {
      begun = await this.#ask(resolved);
    } catch (error) {
      await this.#admin.cancelJoining(joining);
      throw error;
    }
    const moves = isHostChange(resolved.change) ? undefined : begun.move;
    const id = moves?.id ?? (begun.epoch as number);
    const partitions = moves === undefined ? 0 : movingPartitions(begun).length;
    const progress = (): ChangeProgress => {
      const ring = this.#admin.ring();
      const left = this.#isDone(id) ? 0 : ring.epoch < id ? partitions : movingPartitions(ring).length;
      const { bytes, records } = this.#admin.moved();
      const moved = { records: records - before.records, bytes: bytes - before.bytes };
      return { epoch: ring.epoch, partitions, settled: partitions - left, ...moved };
    };
    const joined = joining.map(({ node }) => node as number);
    onProgress(progress());
    while (wait && !this.#isDone(id)) {
      await this.#admin.nextChange();
      this.#core.checkOpen();
      onProgress(progress());
    }
    if (wait && wanted.kind !== 'abort' && wasCalledOff(begun, this.#admin.ring())) {
      throw new StoreError('KV_ABORTED', `the ${wanted.kind} was called off: look at the ring`, { id });
    }
    return { id, joined, done: this.#isDone(id), ...progress() };
  }

  /** Has the members decide that a host is part of the cluster, and which range of nodes it has. Idempotent. @throws StoreError */
  async admit(host: string, room: number): Promise<void> {
    const known = this.#admin.hosts().map(({ host: other, first, room: its }) => ({ host: other, first, room: its }));
    await this.#ask({ change: { kind: 'admit', host, room, known }, joining: [], gone: [] });
  }

  #isDone(id: number): boolean {
    const { epoch, move } = this.#admin.ring();
    return epoch >= id && move?.id !== id;
  }

  /** Has a member propose the change. */
  #ask({ change, gone }: Resolved): Promise<RingState> {
    const node = electorate(this.#admin.ring()).find((voter) => this.#admin.isUp(voter));
    if (node === undefined) throw new StoreError('KV_UNAVAILABLE', 'no member of the ring is up');
    const { seat, requests } = this.#core;
    return new Promise((resolve, reject) => {
      const id = requests.begin(node, (seat.nowMs + DECIDE_MS) >>> 0, new PromiseWaiter(decodeRing, resolve, reject));
      const body = encodeBody({ change, gone });
      const to = addressOf(Role.ringKeeper, node, 0);
      if (!seat.open(Kind.changeRing, to, id, bodyMessageBytes(ChangeRing.body, body))) {
        requests.end(id);
        throw new StoreError('KV_OVERLOADED', `the mailbox of node ${node} is full; try again`, { node });
      }
      const { words, bytes, at } = seat.out;
      requests.extend(id, (seat.nowMs + DECIDE_MS + 1_000) >>> 0);
      words[at + ChangeRing.deadline] = (seat.nowMs + DECIDE_MS) >>> 0;
      words[at + ChangeRing.deadline + 1] = 0;
      putBody(words, bytes, at + ChangeRing.body, body);
    });
  }

  #resolve(wanted: StoreChange, force: boolean): Resolved {
    const { members } = this.#admin.ring();
    const gone = force ? members.filter(({ node }) => !this.#admin.isUp(node)).map(({ node }) => node) : [];
    const resolved = { ...this.#changeOf(wanted, gone), gone };
    const { change } = resolved;
    const removed = change.kind === 'leave' || change.kind === 'replace' ? change.nodes : [];
    const kept = gone.filter((node) => !removed.includes(node));
    if (kept.length === 0) return resolved;
    const message = `node ${kept.join(', ')} is down too: by force, every node that is down must leave or be replaced`;
    throw invalidOption('force', message);
  }

  #leaving({ nodes = [], hosts = [] }: Extract<StoreChange, { kind: 'leave' }>, gone: readonly NodeIndex[]): number[] {
    const { members } = this.#admin.ring();
    const ofHosts = hosts.flatMap((host) => {
      const own = members.filter((member) => member.host === host).map(({ node }) => node);
      if (own.length > 0) return own;
      const known = [...new Set(members.map((member) => member.host))].join(', ');
      throw invalidOption('hosts', `no member runs on host '${host}'; there are ${known}`);
    });
    return [...new Set<number>([...nodes, ...ofHosts, ...gone])];
  }

  #changeOf(wanted: StoreChange, gone: readonly NodeIndex[]): Omit<Resolved, 'gone'> {
    switch (wanted.kind) {
      case 'join': {
        const { count = 1, weight = 1 } = wanted;
        if (!Number.isInteger(count) || count < 1)
          throw invalidOption('count', 'count must be a whole number, at least 1');
        const joining = this.#admin.candidates(new Array<number>(count).fill(weight));
        return { change: { kind: 'join', members: joining }, joining };
      }
      case 'leave':
        return { change: { kind: 'leave', nodes: this.#leaving(wanted, gone) }, joining: [] };
      case 'replace': {
        if (wanted.same === true)
          throw invalidOption('same', 'a node that begins anew under its own number moves nothing');
        const members = new Map<number, Member>(this.#admin.ring().members.map((member) => [member.node, member]));
        const weights = wanted.nodes.map((node) => members.get(nodeIndex(node))?.weight ?? 1);
        const joining = this.#admin.candidates(weights);
        return { change: { kind: 'replace', nodes: wanted.nodes, by: joining }, joining };
      }
      case 'reweight':
        return { change: { kind: 'reweight', node: wanted.node, weight: wanted.weight }, joining: [] };
      case 'forget':
        if (typeof wanted.host === 'string') return { change: { kind: 'forget', host: wanted.host }, joining: [] };
        throw invalidOption('host', 'forget takes the id of a host');
      case 'abort':
        return { change: { kind: 'abort', id: this.#admin.ring().move?.id ?? 0 }, joining: [] };
      case 'failure-domain':
        checkOption('failureDomain', OPTION_SPECS.failureDomain, wanted.failureDomain);
        return { change: { kind: 'failure-domain', failureDomain: wanted.failureDomain }, joining: [] };
      default:
        throw invalidOption('kind', 'a change is a join, leave, replace, reweight, failure-domain, abort or forget');
    }
  }
}

/** @throws StoreError as the ring keeper says */
function decodeRing(message: MessageView): RingState {
  const body = readBody(message, RingChanged.body) as { readonly ring: unknown; readonly error: WireError };
  if (isSuccess(message.u32(RingChanged.outcome))) return readRing(body.ring);
  throw StoreError.fromWire(body.error);
}
