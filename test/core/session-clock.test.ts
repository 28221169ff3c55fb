/** A caller's clock: what it writes later is newer, whatever became of what it wrote before. */
import test from 'ava';
import fc from 'fast-check';
import { packClock, tick, wallMsOf } from '../../src/core/hybrid-clock.js';
import type { Clock } from '../../src/core/ids.js';
import { SessionClock } from '../../src/core/session-clock.js';

const WALL_MS = 1_750_000_000_000;
const DRIFT_MAX_MS = 60_000;

test('session clock: any coordinators, each with a clock of its own -> a later write is newer than all that were given up', (t) => {
  const step = fc.record({
    skewMs: fc.integer({ min: -5_000, max: 5_000 }),
    passedMs: fc.nat(3_000),
    deadlineMs: fc.integer({ min: 1, max: 4_000 }),
    isLost: fc.boolean(),
  });
  const property = fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
    const session = new SessionClock(DRIFT_MAX_MS);
    let wallMs = WALL_MS;
    let newest = 0;
    for (const { skewMs, passedMs, deadlineMs, isLost } of steps) {
      wallMs += passedMs;
      const latest = session.latest(wallMs, deadlineMs);
      const own = tick(0 as Clock, wallMs + skewMs);
      const clock = own > session.callerClock ? own : ((session.callerClock + 1) as Clock);
      if (wallMsOf(clock) > latest) {
        session.refused(own, wallMs + skewMs, wallMs);
        // the same coordinator takes the next one
        if (session.latest(wallMs, deadlineMs) < wallMsOf(own)) return false;
        continue;
      }
      if (clock <= newest) return false;
      // one that is given up may get any clock up to its latest
      newest = isLost ? packClock(latest, 4_095) : clock;
      if (isLost) session.gaveUp(latest);
      else session.heard(clock);
    }
    return true;
  });
  fc.assert(property);
  t.pass();
});

interface Node {
  readonly skewMs: number;
  clock: Clock;
}

/** A write of the session at the node: when it was minted behind what the node knows, or why it was not. */
function mint(session: SessionClock, node: Node, latest: number, nowMs: number): 'minted' | 'behind' | 'drift' {
  const nodeMs = nowMs + node.skewMs;
  if (wallMsOf(session.callerClock) - nodeMs > DRIFT_MAX_MS) return 'drift';
  node.clock = tick(node.clock, nodeMs);
  const clock = node.clock > session.callerClock ? node.clock : ((session.callerClock + 1) as Clock);
  if (wallMsOf(clock) > latest) return 'behind';
  node.clock = clock;
  return 'minted';
}

test('session clock: several callers give up one write after another at nodes that they share -> none drives the others on', (t) => {
  const skew = fc.integer({ min: 0, max: DRIFT_MAX_MS / 2 - 1_000 });
  const step = fc.record({
    caller: fc.nat(2),
    at: fc.nat(1),
    passedMs: fc.nat(20),
    deadlineMs: fc.constantFrom(20, 1_000, 60_000, 3_600_000),
    isMinted: fc.boolean(),
    isLost: fc.boolean(),
  });
  const property = fc.property(
    fc.tuple(skew, skew, skew),
    fc.tuple(skew, skew),
    fc.array(step, { minLength: 200, maxLength: 400 }),
    (callerSkews, nodeSkews, steps) => {
      const sessions = callerSkews.map((skewMs) => ({ skewMs, session: new SessionClock(DRIFT_MAX_MS) }));
      const nodes: Node[] = nodeSkews.map((skewMs) => ({ skewMs, clock: 0 as Clock }));
      const furthestMs = Math.max(...callerSkews, ...nodeSkews) + DRIFT_MAX_MS / 2;
      let nowMs = WALL_MS;
      const write = (caller: number, at: number, deadlineMs: number, isMinted = true, isLost = false): boolean => {
        const { session, skewMs } = sessions[caller];
        const node = nodes[at];
        const latest = session.latest(nowMs + skewMs, deadlineMs);
        const end = isMinted ? mint(session, node, latest, nowMs) : 'minted';
        t.not(end, 'drift');
        if (end === 'behind') session.refused(node.clock, nowMs + node.skewMs, nowMs + skewMs);
        else if (isLost || !isMinted) session.gaveUp(latest);
        else session.heard(node.clock);
        return end === 'minted';
      };
      for (const { caller, at, passedMs, deadlineMs, isMinted, isLost } of steps) {
        nowMs += passedMs;
        write(caller, at, deadlineMs, isMinted, isLost);
        for (const { clock } of nodes) t.true(wallMsOf(clock) <= nowMs + furthestMs);
      }
      // once the wall has caught up with what was given up, everybody writes at the second try at most
      nowMs += DRIFT_MAX_MS;
      for (const caller of [0, 1, 2]) {
        for (const at of [0, 1]) t.true(write(caller, at, 1_000) || write(caller, at, 1_000));
      }
    },
  );
  fc.assert(property, { numRuns: 200 });
});

test('session clock: a node whose clock is far ahead by no caller’s doing -> its writes get their time', (t) => {
  const session = new SessionClock(DRIFT_MAX_MS);
  const node: Node = { skewMs: 0, clock: packClock(WALL_MS + DRIFT_MAX_MS - 5_000, 0) };
  t.is(mint(session, node, session.latest(WALL_MS, 1_000), WALL_MS), 'behind');
  session.refused(node.clock, WALL_MS, WALL_MS);
  for (let write = 0; write < 3; write++) {
    const nowMs = WALL_MS + write * 10;
    t.is(mint(session, node, session.latest(nowMs, 1_000), nowMs), 'minted');
    session.heard(node.clock);
  }
  // late, or meant for another life of the node
  session.refused(0 as Clock, 0, WALL_MS);
  t.true(session.latest(WALL_MS + 120_000, 1_000) < WALL_MS + 121_000);
});

test('session clock: a write that was given up behind its latest -> the clock is not ahead of the wall', (t) => {
  const session = new SessionClock(DRIFT_MAX_MS);
  const latest = session.latest(WALL_MS, 4_000);
  t.is(latest, WALL_MS + 2_000);
  session.gaveUp(latest);
  t.true(session.callerClock < packClock(latest + 1, 0));
  t.is(tick(session.callerClock, latest + 1), packClock(latest + 1, 0));
});

test('session clock: writes given up one after another -> no further ahead than half of the drift; the wall catches up', (t) => {
  const session = new SessionClock(DRIFT_MAX_MS);
  for (let write = 0; write < 100_000; write++) session.gaveUp(session.latest(WALL_MS, 3_600_000));
  t.is(wallMsOf(session.callerClock), WALL_MS + DRIFT_MAX_MS / 2);
  const next = (session.callerClock + 1) as Clock;
  t.true(session.latest(WALL_MS, 4_000) < wallMsOf(next));
  t.is(session.latest(WALL_MS + 1, 4_000), wallMsOf(next));
});

test('session clock: an older clock -> changes nothing', (t) => {
  const session = new SessionClock(DRIFT_MAX_MS);
  session.heard(packClock(WALL_MS, 7));
  session.heard(packClock(WALL_MS, 6));
  session.heard(0 as Clock);
  t.is(session.callerClock, packClock(WALL_MS, 7));
});
