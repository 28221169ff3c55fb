/**
 * Paxos under arbitrary schedules: messages are lost, repeated and reordered, acceptors crash and come back with what they
 * had made durable, proposers give up and begin again. At most one value is ever chosen, and it was proposed.
 */
import test from 'ava';
import fc from 'fast-check';
import {
  type Acceptor,
  accept,
  addPromise,
  addVote,
  type Ballot,
  ballotAbove,
  compareBallots,
  majorityOf,
  type Proposer,
  prepare,
  startAcceptor,
  startProposer,
} from '../../src/core/paxos.js';

type Mail =
  | { readonly kind: 'prepare'; readonly from: number; readonly to: number; readonly ballot: Ballot }
  | {
      readonly kind: 'accept';
      readonly from: number;
      readonly to: number;
      readonly ballot: Ballot;
      readonly value: string;
    }
  | {
      readonly kind: 'promised';
      readonly from: number;
      readonly to: number;
      readonly reply: Parameters<typeof addPromise<string>>[2];
    }
  | {
      readonly kind: 'voted';
      readonly from: number;
      readonly to: number;
      readonly reply: Parameters<typeof addVote>[2];
    };

/** What a broken acceptor forgets when it crashes. */
type Amnesia = 'nothing' | 'promise' | 'all';

class Cluster {
  readonly acceptors: Acceptor<string>[];
  readonly proposers = new Map<number, Proposer<string>>();
  readonly members: readonly number[];
  readonly chosen = new Set<string>();
  readonly #amnesia: Amnesia;
  #mail: Mail[] = [];
  #seen: (Ballot | undefined)[] = [];
  #values = 0;
  readonly #lives: number[] = [];

  constructor(size: number, amnesia: Amnesia = 'nothing') {
    this.members = Array.from({ length: size }, (_, index) => index);
    this.acceptors = this.members.map(() => startAcceptor<string>());
    this.#amnesia = amnesia;
  }

  propose(node: number): void {
    const ballot = ballotAbove(this.#seen[node], node, this.#lives[node] ?? 0);
    this.#seen[node] = ballot;
    const proposer = startProposer(ballot, this.members, `value ${this.#values++} of ${node}`);
    this.proposers.set(node, proposer);
    for (const to of this.members) this.#mail.push({ kind: 'prepare', from: node, to, ballot });
  }

  /** Delivers one of the messages under way; `keep` leaves it there, to come again. */
  deliver(pick: number, keep: boolean): void {
    if (this.#mail.length === 0) return;
    const at = pick % this.#mail.length;
    const mail = this.#mail[at];
    if (!keep) this.#mail.splice(at, 1);
    this.#handle(mail);
  }

  lose(pick: number): void {
    if (this.#mail.length > 0) this.#mail.splice(pick % this.#mail.length, 1);
  }

  crash(node: number): void {
    const { accepted } = this.acceptors[node];
    if (this.#amnesia === 'promise') this.acceptors[node] = { promised: accepted?.ballot, accepted };
    if (this.#amnesia === 'all') this.acceptors[node] = startAcceptor();
    this.proposers.delete(node);
    this.#seen[node] = undefined;
    this.#lives[node] = (this.#lives[node] ?? 0) + 1;
  }

  /** No more faults: everybody's mail arrives, and one node proposes until it has an answer. */
  settle(node: number): void {
    for (let round = 0; round < 100; round++) {
      while (this.#mail.length > 0) this.deliver(0, false);
      const proposer = this.proposers.get(node);
      if (proposer?.stage === 'chosen') return;
      this.propose(node);
    }
  }

  #handle(mail: Mail): void {
    if (mail.kind === 'prepare' || mail.kind === 'accept') {
      const state = this.acceptors[mail.to];
      const back = { from: mail.to, to: mail.from };
      if (mail.kind === 'prepare') {
        const { acceptor, reply } = prepare(state, mail.ballot);
        this.acceptors[mail.to] = acceptor;
        this.#mail.push({ kind: 'promised', ...back, reply });
      } else {
        const { acceptor, reply } = accept(state, mail.ballot, mail.value);
        this.acceptors[mail.to] = acceptor;
        this.#mail.push({ kind: 'voted', ...back, reply });
      }
      return;
    }
    this.#learn(mail.to, mail.reply.promised);
    const before = this.proposers.get(mail.to);
    if (before === undefined) return;
    const after =
      mail.kind === 'promised' ? addPromise(before, mail.from, mail.reply) : addVote(before, mail.from, mail.reply);
    this.proposers.set(mail.to, after);
    if (after.stage === 'chosen') this.chosen.add(after.value);
    if (before.stage === 'preparing' && after.stage === 'accepting') {
      const { ballot, value } = after;
      for (const to of this.members) this.#mail.push({ kind: 'accept', from: mail.to, to, ballot, value });
    }
  }

  #learn(node: number, ballot: Ballot): void {
    const seen = this.#seen[node];
    if (seen === undefined || compareBallots(ballot, seen) > 0) this.#seen[node] = ballot;
  }
}

type Step = readonly ['propose' | 'deliver' | 'repeat' | 'lose' | 'crash', number];

const steps = fc.array(
  fc.tuple(
    fc.oneof(
      { weight: 2, arbitrary: fc.constant('propose' as const) },
      { weight: 24, arbitrary: fc.constant('deliver' as const) },
      { weight: 4, arbitrary: fc.constant('repeat' as const) },
      { weight: 2, arbitrary: fc.constant('lose' as const) },
      { weight: 1, arbitrary: fc.constant('crash' as const) },
    ),
    fc.nat(10_000),
  ),
  { maxLength: 250, size: 'max' },
);

function run(cluster: Cluster, script: readonly Step[]): void {
  const size = cluster.members.length;
  for (const [step, pick] of script) {
    if (step === 'propose') cluster.propose(pick % size);
    else if (step === 'deliver') cluster.deliver(pick, false);
    else if (step === 'repeat') cluster.deliver(pick, true);
    else if (step === 'lose') cluster.lose(pick);
    else cluster.crash(pick % size);
  }
}

test('paxos: any loss, repetition, reordering and crash -> at most one value is chosen, and progress once it is quiet', (t) => {
  let decided = 0;
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), steps, (size, script) => {
      const cluster = new Cluster(size);
      run(cluster, script);
      if (cluster.chosen.size > 0) decided++;
      cluster.settle(size - 1);
      t.is(cluster.chosen.size, 1);
    }),
    { numRuns: 1_500 },
  );
  t.true(decided > 100, `${decided} runs had chosen before they were quiet`);
});

for (const amnesia of ['promise', 'all'] as const) {
  test(`paxos: acceptors that forget ${amnesia} in a crash -> two values are chosen sooner or later`, (t) => {
    const property = fc.property(fc.integer({ min: 3, max: 5 }), steps, (size, script) => {
      const cluster = new Cluster(size, amnesia);
      run(cluster, script);
      cluster.settle(0);
      cluster.settle(1);
      return cluster.chosen.size <= 1;
    });
    // one seed that needs few runs: others need up to 14,000
    t.true(fc.check(property, { numRuns: 2_000, endOnFailure: true, seed: 1 }).failed);
  });
}

test('paxos: answers of strangers and of other ballots -> count for nothing', (t) => {
  const proposer = startProposer({ round: 2, node: 0, life: 0 }, [0, 1, 2], 'mine');
  const granted = {
    ballot: { round: 2, node: 0, life: 0 },
    granted: true,
    promised: { round: 2, node: 0, life: 0 },
    accepted: undefined,
  };
  t.is(addPromise(proposer, 7, granted), proposer);
  t.is(addPromise(proposer, 1, { ...granted, ballot: { round: 1, node: 0, life: 0 } }), proposer);
  const twice = addPromise(addPromise(proposer, 1, granted), 1, granted);
  t.is(twice.stage, 'preparing');
  t.is(addPromise(twice, 2, granted).stage, 'accepting');
});

test('paxos: majorities -> any two have a member in common', (t) => {
  for (let members = 1; members <= 9; members++) t.true(2 * majorityOf(members) > members);
});
