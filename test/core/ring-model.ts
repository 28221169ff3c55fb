/**
 * A model of one partition that moves: every interleaving of decided epochs, nodes that adopt them late, copying, one
 * write under any epoch and one read under any epoch behind it, whose messages arrive whenever they like. The states and the
 * steps between them are those of core/ring-state and core/ring-change; the model adds only who does what when.
 */
import { epoch, nodeIndex } from '../../src/core/ids.js';
import { advance, beginChange, mergesOf, type NodeReport, type Quorums } from '../../src/core/ring-change.js';
import { newHolders, Phase, type RingState, readList, writeLists } from '../../src/core/ring-state.js';

export interface ModelOptions {
  readonly old: readonly number[];
  readonly next: readonly number[];
  readonly r: number;
  readonly w: number;
  /** What the steps are allowed by; the model's own R and W where left out. */
  readonly quorums?: Quorums;
  /** The move is called off in this phase, whatever has been reported; a fault where reads are with the new holders already. */
  readonly calledOff?: Phase;
  /** Plants a fault: fewer old replicas are merged than must be. */
  readonly mergesLess?: number;
  /** Plants a fault: a source is read though it still takes writes of the map before. */
  readonly readsStaleSources?: boolean;
  /** Plants a fault: replicas answer whatever the epoch of the request. */
  readonly refusesNothing?: boolean;
}

const FIRST = 1;

/** The states that the move goes through, as `advance` makes them, each once everything it waits for has happened. */
function statesOf({ old, next, quorums, r, w, calledOff }: ModelOptions): RingState[] {
  const member = (node: number) => ({ node: nodeIndex(node), host: 'h', machine: 'm', zone: 'z', weight: 1 });
  const shape = { partitions: 1, n: old.length, failureDomain: 'node' as const };
  const lists = [old.map(nodeIndex)];
  const settled: RingState = {
    ...shape,
    epoch: epoch(FIRST),
    members: old.map(member),
    lists,
    changedAt: [FIRST],
    begunAt: [FIRST],
    hosts: [],
    leavers: [],
  };
  const move = {
    id: FIRST + 1,
    kind: 'replace' as const,
    members: next.map(member),
    failureDomain: 'node' as const,
    next: [next.map(nodeIndex)],
    phases: [Phase.filling],
    gone: [],
  };
  const states = [settled, { ...settled, epoch: epoch(FIRST + 1), changedAt: [FIRST + 1], begunAt: [FIRST + 1], move }];
  const all = new Map<number, NodeReport>(
    [...old, ...next].map((node) => [node, { node: nodeIndex(node), epoch: 99, move: FIRST + 1, filled: [0] }]),
  );
  for (;;) {
    const now = states.at(-1) as RingState;
    if (calledOff !== undefined && now.move?.phases[0] === calledOff) {
      const filling = { ...now, move: { ...now.move, phases: [Phase.filling] } };
      return [...states, beginChange(filling, { kind: 'abort', id: FIRST + 1 })];
    }
    const after = advance(now, all as never, quorums ?? { r, w }, () => false);
    if (after === undefined) return states;
    states.push(after);
  }
}

interface Situation {
  readonly decided: number;
  /** Epoch that each replica has adopted. */
  readonly adopted: readonly number[];
  /** Old replicas that each replica has merged, as bits. */
  readonly merged: readonly number[];
  /** Who holds the write, who has confirmed it to its coordinator, and who has told the read that there is nothing. */
  readonly holds: number;
  readonly confirmed: number;
  readonly missed: number;
  /** Epochs of the write and of the read; 0 as long as it has not begun. */
  readonly write: number;
  readonly read: number;
  readonly acked: boolean;
}

export class RingModel {
  readonly #options: ModelOptions;
  readonly #states: readonly RingState[];
  readonly #replicas: readonly number[];

  constructor(options: ModelOptions) {
    this.#options = options;
    this.#states = statesOf(options);
    this.#replicas = [...new Set([...options.old, ...options.next])];
  }

  /** Explores everything; the situations seen, and one where a read missed an acknowledged write, if there is any. */
  explore(): { readonly seen: number; readonly last: number; readonly missed: Situation | undefined } {
    const replicas = this.#replicas;
    const start: Situation = {
      decided: FIRST,
      adopted: replicas.map(() => FIRST),
      merged: replicas.map(() => 0),
      holds: 0,
      confirmed: 0,
      missed: 0,
      write: 0,
      read: 0,
      acked: false,
    };
    const seen = new Set<string>();
    const open = [start];
    let last = FIRST;
    for (let situation = open.pop(); situation !== undefined; situation = open.pop()) {
      const name = nameOf(situation);
      if (seen.has(name)) continue;
      seen.add(name);
      last = Math.max(last, situation.decided);
      if (countOf(situation.missed) >= this.#options.r) return { seen: seen.size, last, missed: situation };
      open.push(...this.#next(situation));
    }
    return { seen: seen.size, last, missed: undefined };
  }

  #state(at: number): RingState {
    return this.#states[at - FIRST];
  }

  #next(now: Situation): Situation[] {
    const steps: Situation[] = [];
    if (this.#mayDecide(now)) steps.push({ ...now, decided: now.decided + 1 });
    this.#replicas.forEach((_, index) => {
      if (now.adopted[index] < now.decided) steps.push(this.#adopt(now, index));
      steps.push(...this.#merges(now, index));
    });
    if (now.write === 0) {
      for (let at = FIRST; at <= now.decided; at++) steps.push({ ...now, write: at });
    } else if (!now.acked) steps.push(...this.#writes(now));
    else if (now.read === 0) {
      for (let at = FIRST; at <= now.decided; at++) steps.push({ ...now, read: at });
    } else steps.push(...this.#reads(now));
    return steps;
  }

  #adopt(now: Situation, index: number): Situation {
    const adopted = now.adopted.with(index, now.adopted[index] + 1);
    const state = this.#state(adopted[index]);
    // a replica that was dropped forgets
    const isHolder = [...state.lists[0], ...(state.move?.next[0] ?? [])].includes(nodeIndex(this.#replicas[index]));
    return isHolder ? { ...now, adopted } : { ...now, adopted, holds: now.holds & ~(1 << index) };
  }

  /** Whether the next epoch may be decided now, by what the nodes could truthfully report. */
  #mayDecide({ decided, adopted, merged }: Situation): boolean {
    const state = this.#state(decided);
    const { w, quorums, mergesLess = 0, r, calledOff } = this.#options;
    if (decided === FIRST || (calledOff !== undefined && state.move?.phases[0] === calledOff)) return true;
    const reports = new Map(
      this.#replicas.map((node, index) => {
        const isFilled = countOf(merged[index]) >= mergesOf(state, 0, w) - mergesLess;
        return [node, { node: nodeIndex(node), epoch: adopted[index], move: FIRST + 1, filled: isFilled ? [0] : [] }];
      }),
    );
    return advance(state, reports as never, quorums ?? { r, w }, () => false) !== undefined;
  }

  #merges(now: Situation, index: number): Situation[] {
    const state = this.#state(now.adopted[index]);
    const node = nodeIndex(this.#replicas[index]);
    if (state.move === undefined || !newHolders(state, 0).includes(node)) return [];
    const steps: Situation[] = [];
    this.#replicas.forEach((source, at) => {
      if (!this.#options.old.includes(source) || ((now.merged[index] >>> at) & 1) === 1) return;
      if (now.adopted[at] < FIRST + 1 && this.#options.readsStaleSources !== true) return;
      const holds = (now.holds >>> at) & 1 ? now.holds | (1 << index) : now.holds;
      steps.push({ ...now, merged: now.merged.with(index, now.merged[index] | (1 << at)), holds });
    });
    return steps;
  }

  /** A replica refuses reads that are older than its own last step of the partition, writes older than its last move. */
  #answers(now: Situation, index: number, since: 'changedAt' | 'begunAt', requestEpoch: number): boolean {
    if (this.#options.refusesNothing === true) return true;
    return requestEpoch >= this.#state(now.adopted[index])[since][0];
  }

  #writes(now: Situation): Situation[] {
    const lists = writeLists(this.#state(now.write), 0);
    const steps: Situation[] = [];
    this.#replicas.forEach((node, index) => {
      const isAsked = lists.some((list) => list.includes(nodeIndex(node)));
      if (!isAsked || ((now.confirmed >>> index) & 1) === 1 || !this.#answers(now, index, 'begunAt', now.write)) return;
      steps.push({ ...now, holds: now.holds | (1 << index), confirmed: now.confirmed | (1 << index) });
    });
    const isAcked = lists.every((list) => {
      const confirmed = this.#replicas.filter(
        (node, index) => list.includes(nodeIndex(node)) && (now.confirmed >>> index) & 1,
      );
      return confirmed.length >= this.#options.w;
    });
    if (isAcked) steps.push({ ...now, acked: true });
    return steps;
  }

  #reads(now: Situation): Situation[] {
    const list = readList(this.#state(now.read), 0);
    const steps: Situation[] = [];
    this.#replicas.forEach((node, index) => {
      if (!list.includes(nodeIndex(node)) || ((now.holds | now.missed) >>> index) & 1) return;
      if (this.#answers(now, index, 'changedAt', now.read)) steps.push({ ...now, missed: now.missed | (1 << index) });
    });
    return steps;
  }
}

function countOf(bits: number): number {
  let count = 0;
  for (let left = bits; left !== 0; left &= left - 1) count++;
  return count;
}

function nameOf(now: Situation): string {
  const { decided, adopted, merged, holds, confirmed, missed, write, read, acked } = now;
  return String.fromCharCode(decided, ...adopted, ...merged, holds, acked ? 99 : confirmed, missed, write, read);
}
