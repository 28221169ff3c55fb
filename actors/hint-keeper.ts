/**
 * The actor that keeps hints, one for each node (DeCandia et al., "Dynamo", SOSP 2007, section 4.6): for which key which
 * node lacks what this one holds. The hints are private records; the data is whatever the node holds of the key when the
 * hint is handed over.
 *
 *   hint -> kept, within bounds of bytes and age for each target -> handed over when the target is up -> removed
 *           beyond them: a note that target and partition need anti-entropy
 */
import type { Behaviour } from '../src/actor/behaviour.js';
import type { Env } from '../src/actor/env.js';
import type { PartitionDoubts } from '../src/actor/partition-doubts.js';
import { forgetPrivate } from '../src/actor/private-record.js';
import type { NodeIndex } from '../src/core/ids.js';
import type { MessageView } from '../src/protocol/header.js';
import { Hint as HintAt, Note as NoteAt, Repaired } from '../src/protocol/hint-messages.js';
import { arrived, type Delivery, endFlight, nameOf, removeHint, send, startDelivery } from './hint-delivery.js';
import { HintLedger, PATIENCE_MS_MAX, PATIENCE_MS_MIN, type TargetHints } from './hint-ledger.js';
import { HintNotes } from './hint-notes.js';
import { attempt, type Hint, hasPrivate, hintBytes, hintKey, type Note, pageHints, putDated } from './hint-records.js';
import type { Debts } from './ring-leavers.js';

/** What the keeper has. */
export interface HintCounts {
  readonly hints: number;
  readonly bytes: number;
  readonly notes: number;
  /** Hints that were handed over since the start. */
  readonly handedOver: number;
}

export interface HintKeeperOptions {
  /** Most bytes of hints for one target. */
  readonly hintBytesMax: number;
  /** Milliseconds after which a hint becomes a note. */
  readonly hintAgeMaxMs: number;
  /** What this node holds of such a partition may be deleted since: its hints wait until that is known; none where left out. */
  readonly doubts?: Pick<PartitionDoubts, 'isFromPast'>;
  /** Told whenever something has changed. */
  readonly report: (counts: HintCounts) => void;
  /** Kept up to date: whether the node has hints or notes; so it says until they are counted. */
  readonly debts?: Debts;
}

export interface HintKeeperState {
  readonly options: HintKeeperOptions;
  readonly ledger: HintLedger;
  readonly delivery: Delivery;
  readonly notes: HintNotes;
  /** Token of the timer that is set, 0 where none is. */
  timer: number;
  /** Which target is served first: another one each time. */
  turn: number;
  handedOver: number;
}

type Handles = 'hint' | 'note' | 'repaired' | 'replicated';

const TICK_MS = 20;
/** Between looks at targets that cannot be served. */
const IDLE_MS = 250;
/** On their way to one target at the same time. */
const WINDOW = 64;
/** Handed over in one tick, to all targets together. */
const TICK_HINTS = 128;
const TICK_BYTES = 128 * 1024;
const PAUSE_MS = 100;
const PAUSE_MS_MAX = 5_000;
/** Hints read at once: each page has the store sort what it has not flushed, so pages are large and few. */
const PAGE_HINTS = 4_096;

/** The behaviour of a node's hint keeper. */
export function hintKeeper(options: HintKeeperOptions): Behaviour<HintKeeperState, Handles> {
  return {
    role: 'hint-keeper',
    init(env) {
      if (options.debts !== undefined) options.debts.owes = true;
      const delivery = startDelivery(env);
      const ledger = new HintLedger();
      const state = { options, ledger, delivery, notes: new HintNotes(env), timer: 0, turn: 0, handedOver: 0 };
      // as far as one page goes, before anything is kept
      takeCensus(state, env);
      arm(state, TICK_MS, env);
      return state;
    },
    receive: {
      hint: keep,
      note(state, message, env) {
        state.notes.keep(noteOf(message), env);
        wake(state, env);
      },
      repaired(state, message, env) {
        state.notes.repaired(noteOf(message), message.u32(Repaired.heldAtMs), env);
        report(state);
      },
      replicated,
    },
    onTimer(state, token, env) {
      if (token !== state.timer) return;
      state.timer = 0;
      tick(state, env);
    },
  };
}

function keep(state: HintKeeperState, message: MessageView, env: Env): void {
  const { ledger, options, delivery, notes } = state;
  const target = message.u32(HintAt.target);
  const keySlot = message.u32(HintAt.keySlot);
  const partition = (keySlot >>> 16) >>> env.placement.slotShift;
  const start = (message.at + HintAt.key) * 4;
  const key = hintKey(target, partition, message.bytes.subarray(start, start + (keySlot & 0xffff)));
  const flight = delivery.byKey.size === 0 ? undefined : delivery.byKey.get(nameOf(key));
  if (flight !== undefined) flight.outdated = true;
  else if (attempt(() => hasPrivate(env.store, key)) !== true) {
    const hint = { key, target, partition, writtenAtMs: env.wallMs() };
    // behind the census nobody knows yet how much there is
    const fits = ledger.isCounted(key) && ledger.target(target).bytes + hintBytes(key) <= options.hintBytesMax;
    if (fits && attempt(() => putDated(env.store, key, hint.writtenAtMs)) === true) ledger.add(hint);
    else notes.keep({ target, partition }, env);
  }
  wake(state, env);
}

const noteOf = (message: MessageView): Note => ({
  target: message.u32(NoteAt.target),
  partition: message.u32(NoteAt.partition),
});

function replicated(state: HintKeeperState, message: MessageView, env: Env): void {
  const { delivery, ledger, notes } = state;
  const answer = arrived(delivery, message);
  if (answer === undefined) return;
  const { flight, isTaken } = answer;
  const target = ledger.target(flight.hint.target);
  if (isTaken && attempt(() => removeHint(flight, { targets: ledger.targets.keys(), notes }, env)) === true) {
    ledger.remove(flight.hint);
    state.handedOver++;
    target.pauseMs = 0;
  } else if (!flight.outdated) pause(target, env);
  report(state);
}

/** The target is left alone for a while, twice as long each time. */
function pause(target: TargetHints, env: Env): void {
  target.pauseMs = Math.min(PAUSE_MS_MAX, Math.max(PAUSE_MS, target.pauseMs * 2));
  target.pausedUntilMs = (env.nowMs() + target.pauseMs + (env.random() % PAUSE_MS)) >>> 0;
}

function wake(state: HintKeeperState, env: Env): void {
  if (state.timer === 0) arm(state, IDLE_MS, env);
  report(state);
}

function arm(state: HintKeeperState, delayMs: number, env: Env): void {
  state.timer = env.random() | 1;
  env.timer(delayMs, state.timer);
}

function report({ options, ledger, notes, handedOver }: HintKeeperState): void {
  if (options.debts !== undefined) options.debts.owes = ledger.counted !== undefined || ledger.hints + notes.size > 0;
  options.report({ hints: ledger.hints, bytes: ledger.bytes, notes: notes.size, handedOver });
}

function tick(state: HintKeeperState, env: Env): void {
  const { ledger, notes } = state;
  if (ledger.counted !== undefined) takeCensus(state, env);
  notes.keepOwed(env);
  endLateFlights(state, env);
  const isBusy = ledger.counted === undefined && serve(state, env);
  report(state);
  const isIdle = ledger.hints === 0 && !notes.isOwed && ledger.counted === undefined;
  if (!isIdle) arm(state, isBusy || ledger.counted !== undefined ? TICK_MS : IDLE_MS, env);
}

function takeCensus({ ledger }: HintKeeperState, env: Env): void {
  const after = ledger.counted?.length === 0 ? undefined : ledger.counted;
  const hints = readHints({ after, limit: PAGE_HINTS }, env);
  if (hints !== undefined) ledger.take(hints, hints.length === PAGE_HINTS);
}

/** A page of hints. Damaged ones are written anew, for their keys say all but their age, and the page is read again later. */
function readHints(request: Parameters<typeof pageHints>[1], env: Env): Hint[] | undefined {
  const damaged: Uint8Array[] = [];
  const hints = attempt(() => pageHints(env.store, { ...request, onCorrupt: (key) => damaged.push(key) }));
  for (const key of damaged) attempt(() => putDated(env.store, key, env.wallMs()));
  return damaged.length === 0 ? hints : undefined;
}

/** Gives up on answers that are late, or that will not come. */
function endLateFlights({ delivery, ledger }: HintKeeperState, env: Env): void {
  for (const [id, flight] of delivery.flights) {
    const target = ledger.target(flight.hint.target);
    const isUp = env.placement.isUp(flight.to);
    if (isUp && ((env.nowMs() - flight.sentAtMs) | 0) <= target.patienceMs) continue;
    // a large record over a slow network takes its time
    target.patienceMs = isUp ? Math.min(PATIENCE_MS_MAX, 2 * target.patienceMs) : PATIENCE_MS_MIN;
    endFlight(delivery, id, flight);
    pause(target, env);
  }
}

/** Serves each target as far as this tick's budget goes; whether there is more to do at once. */
function serve(state: HintKeeperState, env: Env): boolean {
  const targets = [...state.ledger.targets.values()].filter(({ hints }) => hints > 0);
  const first = targets.length === 0 ? 0 : state.turn++ % targets.length;
  const budget = { hints: TICK_HINTS, bytes: TICK_BYTES };
  let isBusy = state.delivery.flights.size > 0;
  const isMember = (node: number) => env.placement.members.includes(node as NodeIndex);
  for (const target of [...targets.slice(first), ...targets.slice(0, first)]) {
    // who is no member waits for no target: others take its hints, as they take those that are for it
    const isServed = !env.placement.suspects(target.node as NodeIndex) || ![target.node, env.node].every(isMember);
    const isReady = isServed && !isPaused(target, env);
    if (!isReady && !isAged(target.oldestMs, state, env)) continue;
    isBusy = goOver(state, target, isReady, budget, env) || isBusy;
  }
  return isBusy;
}

/**
 * A pause that is over is forgotten. Where nobody has looked at it for long, the clock has wrapped and shows it ahead again,
 * further than any pause is.
 */
function isPaused(target: TargetHints, env: Env): boolean {
  if (target.pausedUntilMs === undefined) return false;
  const leftMs = (target.pausedUntilMs - env.nowMs()) | 0;
  if (leftMs > 0 && leftMs < PAUSE_MS_MAX + PAUSE_MS) return true;
  target.pausedUntilMs = undefined;
  return false;
}

const isAged = (writtenAtMs: number, { options }: HintKeeperState, env: Env): boolean =>
  env.wallMs() - writtenAtMs > options.hintAgeMaxMs;

/** A part of the pass over a target's hints: old ones become notes, the others are handed over where it is ready. */
function goOver(
  state: HintKeeperState,
  target: TargetHints,
  isReady: boolean,
  budget: { hints: number; bytes: number },
  env: Env,
): boolean {
  const { delivery } = state;
  for (let steps = 0; steps < PAGE_HINTS && budget.hints > 0 && budget.bytes > 0; steps++) {
    const flights = flightsTo(delivery, target.node);
    // a pass begins only where it will meet a hint that is not under way
    const isOver = target.page.length === 0 && target.hints <= flights;
    if (isReady && (flights >= WINDOW || isOver)) return true;
    const hint = nextOf(target, env);
    if (hint === undefined) return delivery.flights.size > 0;
    const isUnderWay = delivery.byKey.has(nameOf(hint.key));
    // one that was under way when the page was read may have arrived since: it is counted no more
    if (!isUnderWay && attempt(() => hasPrivate(env.store, hint.key)) !== true) continue;
    if (!isUnderWay && isAged(hint.writtenAtMs, state, env) && state.notes.keep(hint, env)) {
      drop(state, hint, env);
      continue;
    }
    target.passOldestMs = Math.min(target.passOldestMs, hint.writtenAtMs);
    if (!isReady || isUnderWay || state.options.doubts?.isFromPast(hint.partition) === true) continue;
    const outcome = send(delivery, hint, env);
    if (outcome.kind === 'done') drop(state, hint, env);
    else if (outcome.kind === 'later') {
      pause(target, env);
      return true;
    } else {
      budget.hints--;
      budget.bytes -= outcome.bytes;
    }
  }
  return true;
}

function drop({ ledger }: HintKeeperState, hint: Hint, env: Env): void {
  if (attempt(() => forgetPrivate(env.store, hint.key)) === true) ledger.remove(hint);
}

function flightsTo({ flights }: Delivery, target: number): number {
  let count = 0;
  for (const { hint } of flights.values()) if (hint.target === target) count++;
  return count;
}

/** The next hint of the pass; undefined at its end, and the next call begins another one. */
function nextOf(target: TargetHints, env: Env): Hint | undefined {
  if (target.seen >= target.page.length) {
    const isLast = target.page.length > 0 && target.page.length < PAGE_HINTS;
    const request = { target: target.node, after: target.after, limit: PAGE_HINTS };
    const page = isLast ? [] : readHints(request, env);
    if (page === undefined) return undefined;
    target.page = page;
    target.seen = 0;
    target.after = page.at(-1)?.key;
    if (page.length === 0) {
      target.oldestMs = target.passOldestMs;
      target.passOldestMs = Number.POSITIVE_INFINITY;
      return undefined;
    }
  }
  return target.page[target.seen++];
}
