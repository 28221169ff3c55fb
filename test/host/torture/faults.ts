/**
 * What is done to a store while it serves, drawn from a seed: nodes end in every way or are kept down, one loses its
 * directory, and meanwhile the ring changes. One node at a time is away, as N=3, R=W=2 allows.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hostOf } from '../../../src/client/open.js';
import { type Store, type StoreChange, StoreError } from '../../../src/index.js';
import type { Random } from '../../../src/sim/random.js';
import { until } from '../../client/store-fixture.js';
import { endNode, OUT_OF_HEAP } from '../deaths.js';
import { repairFully } from './healing.js';

export type FaultKind = 'throw' | 'terminate' | 'heap' | 'hold' | 'wipe';

/** How often each is drawn, of all of them together. */
const WEIGHTS: Readonly<Record<FaultKind, number>> = { throw: 5, terminate: 5, heap: 1, hold: 4, wipe: 2 };
/** Come first, in this order. */
const ALWAYS: readonly FaultKind[] = ['terminate', 'hold', 'wipe'];
const PAUSE_MS_MAX = 300;
const HELD_MS_MAX = 1_500;
const NODES_MIN = 3;
const NODES_MAX = 5;

export interface FaultParts {
  readonly store: Store;
  readonly random: Random;
  readonly tell: (what: string) => void;
  /** Runs something without load. */
  readonly quietly: (during: () => Promise<void>) => Promise<void>;
}

export class Faults {
  readonly counts: Record<string, number> = {};
  readonly #parts: FaultParts;
  /** While a directory is wiped and filled again, no change begins. */
  #wiping = false;
  #isChanging = false;

  constructor(parts: FaultParts) {
    this.#parts = parts;
  }

  /** Until `endMs` of the process's clock; every fault that has begun is over then, and every node up. */
  async run(endMs: number): Promise<void> {
    const goesOn = () => performance.now() < endMs;
    await Promise.all([this.#hurt(goesOn), this.#changeRing(goesOn)]);
  }

  async #hurt(goesOn: () => boolean): Promise<void> {
    const { random } = this.#parts;
    // however slow the machine is, these are not left out
    for (const kind of ALWAYS) await this.#inflict(kind);
    while (goesOn()) {
      await sleep(random.below(PAUSE_MS_MAX));
      await this.#inflict(draw(random));
    }
  }

  async #inflict(kind: FaultKind): Promise<void> {
    if (kind === 'wipe') {
      await this.#wipe();
      return;
    }
    const { random } = this.#parts;
    const node = this.#drawNode();
    if (kind === 'hold') await this.#hold(node, random.below(HELD_MS_MAX));
    else await this.#end(node, kind);
  }

  async #end(node: number, kind: 'throw' | 'terminate' | 'heap'): Promise<void> {
    const way = kind === 'heap' ? OUT_OF_HEAP : kind;
    this.#note(kind, `node ${node} is ended by ${way}`);
    await endNode(this.#parts.store, node, way);
  }

  async #hold(node: number, forMs: number): Promise<void> {
    this.#note('hold', `node ${node} is kept down for ${forMs} ms`);
    await holdDown(this.#parts.store, node, () => sleep(forMs));
  }

  /** A node that lost its directory serves at once, holding nothing; so requests wait until it is filled again. */
  async #wipe(): Promise<void> {
    const { store, quietly } = this.#parts;
    this.#wiping = true;
    try {
      await until(() => !this.#isChanging && store.ring().change === undefined);
      // drawn only now: whoever was a member before the change may have left
      const node = this.#drawNode();
      this.#note('wipe', `node ${node} loses its directory`);
      await quietly(async () => {
        await holdDown(store, node, () => wipeNode(store, node));
        const { moved } = await repairFully(store);
        this.#parts.tell(`node ${node} is repaired: ${moved} records moved`);
      });
    } finally {
      this.#wiping = false;
    }
  }

  async #changeRing(goesOn: () => boolean): Promise<void> {
    const { store, random } = this.#parts;
    while (goesOn()) {
      await sleep(random.below(PAUSE_MS_MAX));
      if (this.#wiping) continue;
      const change = this.#drawChange();
      this.#isChanging = true;
      this.#note(change.kind, JSON.stringify(change));
      try {
        const { partitions, records } = await store.change(change);
        this.#parts.tell(`${change.kind}: done, ${partitions} partitions, ${records} records`);
      } catch (error) {
        if (!(error instanceof StoreError && error.retryable)) throw error;
        this.#note(`${change.kind} ${error.code}`, String(error));
        await until(() => store.ring().change === undefined);
      } finally {
        this.#isChanging = false;
      }
    }
  }

  #drawChange(): StoreChange {
    const { store, random } = this.#parts;
    const nodes = store.members();
    const node = this.#drawNode();
    const dice = random.below(10);
    if (nodes.length <= NODES_MIN || (nodes.length < NODES_MAX && dice < 3)) return { kind: 'join' };
    if (dice < 6) return { kind: 'leave', nodes: [node] };
    if (dice < 8) return { kind: 'replace', nodes: [node] };
    return { kind: 'reweight', node, weight: 1 + random.below(2) };
  }

  #drawNode(): number {
    const { store, random } = this.#parts;
    const members = store.members();
    return members[random.below(members.length)].node;
  }

  #note(name: string, what: string): void {
    this.counts[name] = (this.counts[name] ?? 0) + 1;
    this.#parts.tell(what);
  }
}

/** Keeps a node down while something is done, and waits until the others take it for up again, or for gone. */
export async function holdDown(store: Store, node: number, during: () => unknown): Promise<void> {
  const supervisor = hostOf(store).supervisor(node);
  await supervisor.hold();
  await during();
  supervisor.release();
  const member = () => store.members().find((candidate) => candidate.node === node);
  await until(() => member() === undefined || member()?.state === 'up');
}

export function wipeNode(store: Store, node: number): void {
  const folder = join(hostOf(store).options.path, `node-${String(node).padStart(3, '0')}`);
  rmSync(folder, { recursive: true });
}

function draw(random: Random): FaultKind {
  const kinds = Object.entries(WEIGHTS) as [FaultKind, number][];
  let dice = random.below(kinds.reduce((sum, [, weight]) => sum + weight, 0));
  for (const [kind, weight] of kinds) {
    dice -= weight;
    if (dice < 0) return kind;
  }
  return 'throw';
}
