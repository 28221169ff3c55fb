/** Acceptors that lose their disks while two proposals are under way: whatever order messages come in, one value is learned. */
import test from 'ava';
import fc from 'fast-check';
import {
  type AcceptorRecovery,
  addMemory,
  answerForgetful,
  recovered,
  startRecovery,
} from '../../src/core/acceptor-recovery.js';
import {
  type Acceptor,
  accept,
  addPromise,
  addVote,
  type Ballot,
  ballotAbove,
  compareBallots,
  type Proposer,
  prepare,
  startAcceptor,
  startProposer,
  withdraw,
} from '../../src/core/paxos.js';

interface Keeper {
  acceptor: Acceptor<string>;
  isForgetful: boolean;
  recovery: AcceptorRecovery<string> | undefined;
  proposer: Proposer<string> | undefined;
  highest: Ballot | undefined;
  lives: number;
}

type Message = { readonly from: number; readonly to: number; readonly life: number; readonly arrive: () => void };

class Council {
  readonly keepers: Keeper[];
  readonly learned = new Set<string>();
  readonly members: readonly number[];
  readonly #recovers: boolean;
  #mail: Message[] = [];

  constructor(size: number, recovers: boolean) {
    this.#recovers = recovers;
    this.members = Array.from({ length: size }, (_, node) => node);
    this.keepers = this.members.map(() => ({
      ...{ acceptor: startAcceptor<string>(), isForgetful: false, recovery: undefined },
      ...{ proposer: undefined, highest: undefined, lives: 1 },
    }));
  }

  get mail(): number {
    return this.#mail.length;
  }

  #send(from: number, to: number, arrive: () => void): void {
    this.#mail.push({ from, to, life: this.keepers[to].lives, arrive });
  }

  /** One message arrives: in the order of its sender and receiver, as in a mailbox. */
  deliver(draw: number): void {
    const drawn = this.#mail[draw % this.#mail.length];
    const at = this.#mail.findIndex(({ from, to }) => from === drawn.from && to === drawn.to);
    const [message] = this.#mail.splice(at, 1);
    if (this.keepers[message.to].lives === message.life) message.arrive();
  }

  #see(node: number, ballot: Ballot): void {
    const { highest } = this.keepers[node];
    if (highest === undefined || compareBallots(ballot, highest) > 0) this.keepers[node].highest = ballot;
  }

  #ballot(node: number): Ballot {
    const keeper = this.keepers[node];
    keeper.highest = ballotAbove(keeper.highest, node, keeper.lives);
    return keeper.highest;
  }

  propose(node: number, value: string): void {
    const ballot = this.#ballot(node);
    this.keepers[node].proposer = startProposer(ballot, this.members, value);
    for (const to of this.members) this.#send(node, to, () => this.#prepared(to, node, ballot));
  }

  #prepared(node: number, from: number, ballot: Ballot): void {
    const keeper = this.keepers[node];
    this.#see(node, ballot);
    if (keeper.isForgetful) return;
    const { acceptor, reply } = prepare(keeper.acceptor, ballot);
    keeper.acceptor = acceptor;
    this.#send(node, from, () => {
      const { proposer } = this.keepers[from];
      this.#see(from, reply.promised);
      if (proposer === undefined) return;
      const after = addPromise(proposer, node, reply);
      this.keepers[from].proposer = after;
      if (proposer.stage !== 'preparing' || after.stage !== 'accepting') return;
      for (const to of this.members) this.#send(from, to, () => this.#accepted(to, from, after));
    });
  }

  #accepted(node: number, from: number, { ballot, value }: Proposer<string>): void {
    const keeper = this.keepers[node];
    this.#see(node, ballot);
    if (keeper.isForgetful) return;
    const { acceptor, reply } = accept(keeper.acceptor, ballot, value);
    keeper.acceptor = acceptor;
    this.#send(node, from, () => {
      const { proposer } = this.keepers[from];
      if (proposer === undefined) return;
      const after = addVote(proposer, node, reply);
      this.keepers[from].proposer = after;
      if (after.stage === 'chosen') this.learned.add(after.value);
    });
  }

  /** The disk of a node that has learned nothing is lost with its life. */
  wipe(node: number): void {
    const { lives } = this.keepers[node];
    this.keepers[node] = {
      ...{ acceptor: startAcceptor(), isForgetful: this.#recovers, recovery: undefined },
      ...{ proposer: undefined, highest: undefined, lives: lives + 1 },
    };
  }

  recover(node: number): void {
    const keeper = this.keepers[node];
    if (!keeper.isForgetful) return;
    const others = this.members.filter((other) => other !== node);
    keeper.recovery ??= startRecovery<string>(this.#ballot(node), others);
    const { ballot, granted } = keeper.recovery;
    for (const other of others)
      if (!granted.has(other)) this.#send(node, other, () => this.#asked(other, node, ballot));
    this.#endRecovery(node);
  }

  #asked(node: number, from: number, ballot: Ballot): void {
    const keeper = this.keepers[node];
    const { acceptor, reply } = answerForgetful(keeper.acceptor, keeper.highest, ballot);
    this.#see(node, ballot);
    keeper.acceptor = acceptor;
    if (keeper.proposer !== undefined) keeper.proposer = withdraw(keeper.proposer, ballot);
    this.#send(node, from, () => {
      const { recovery } = this.keepers[from];
      this.#see(from, reply.promised);
      if (recovery === undefined || compareBallots(recovery.ballot, reply.ballot) !== 0) return;
      this.keepers[from].recovery = addMemory(recovery, node, reply);
      this.#endRecovery(from);
    });
  }

  #endRecovery(node: number): void {
    const keeper = this.keepers[node];
    const acceptor = keeper.recovery === undefined ? undefined : recovered(keeper.recovery);
    if (acceptor === undefined) return;
    keeper.acceptor = acceptor;
    keeper.isForgetful = false;
    keeper.recovery = undefined;
  }
}

const step = fc.record({
  draw: fc.nat(1_000),
  what: fc.constantFrom('deliver', 'deliver', 'deliver', 'deliver', 'deliver', 'propose', 'wipe', 'recover', 'recover'),
});

/** One node, the last, loses its disk now and then; the others propose. */
function run(size: number, steps: readonly { draw: number; what: string }[], recovers: boolean): Council {
  const council = new Council(size, recovers);
  const last = size - 1;
  for (const { draw, what } of steps) {
    if (what === 'propose') council.propose(draw % last, `value-${draw}`);
    else if (what === 'wipe') council.wipe(last);
    else if (what === 'recover') council.recover(last);
    else if (council.mail > 0) council.deliver(draw);
  }
  return council;
}

test('acceptor recovery: disks lost at any time -> at most one value is learned', (t) => {
  const property = fc.property(fc.integer({ min: 2, max: 5 }), fc.array(step, { maxLength: 120 }), (size, steps) => {
    return run(size, steps, true).learned.size <= 1;
  });
  t.notThrows(() => fc.assert(property, { numRuns: 3_000 }));
});

test('acceptor recovery: without it -> two values are learned by some order of messages', (t) => {
  const property = fc.property(fc.array(step, { minLength: 60, maxLength: 160 }), (steps) => {
    return run(3, steps, false).learned.size <= 1;
  });
  t.throws(() => fc.assert(property, { numRuns: 30_000, seed: 7, endOnFailure: true }));
});

test('acceptor recovery: all have lost their disks, or there is but one -> they vote again', (t) => {
  for (const size of [1, 2, 3, 5]) {
    const council = new Council(size, true);
    for (const node of council.members) council.wipe(node);
    for (let round = 0; round < 20 && council.keepers.some(({ isForgetful }) => isForgetful); round++) {
      for (const node of council.members) council.recover(node);
      while (council.mail > 0) council.deliver(0);
    }
    council.propose(0, 'after');
    while (council.mail > 0) council.deliver(0);
    t.deepEqual([...council.learned], ['after'], `${size} nodes`);
  }
});

test('acceptor recovery: another proposer knows a higher ballot -> it refuses, and the next attempt is above it', (t) => {
  const high = { round: 9, node: 1, life: 1 };
  const { reply } = answerForgetful(startAcceptor<string>(), high, { round: 2, node: 0, life: 1 });
  t.false(reply.granted);
  t.deepEqual(reply.promised, high);
  t.is(addMemory(startRecovery<string>({ round: 2, node: 0, life: 1 }, [1]), 1, reply), undefined);
});
