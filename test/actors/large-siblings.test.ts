/**
 * Replicas whose siblings are together more than one record can hold: nothing is lost, whoever asks is told, and no actor
 * has to begin anew. Siblings that only a mailbox cannot take at once have `test/client/large-siblings.test.ts`.
 */
import test from 'ava';
import { addressOf, nodeOf, Role } from '../../src/actor/address.js';
import type { SiblingSet } from '../../src/core/siblings.js';
import { bodyMessageBytes, encodeBody, putBody } from '../../src/protocol/body.js';
import { PAGE_BYTES_MAX, RECORD_BYTES_MAX } from '../../src/protocol/limits.js';
import { Answer, Kind, Minted, Replicated, Written } from '../../src/protocol/messages.js';
import { success } from '../../src/protocol/outcome.js';
import { Pull, Pulled } from '../../src/protocol/ring-messages.js';
import {
  answerSet,
  codeOf,
  type Draft,
  fetchDraft,
  fetchedDraft,
  pageEntries,
  readDraft,
  replicateDraft,
  scanDraft,
  valuesOf,
  writeDraft,
} from '../../src/sim/messages.js';
import { type Sent, SimEnv } from '../sim/sim-env.js';
import { plain } from './sets.js';

/** Two of them do not fit into a record. */
const large = (replica: 'a' | 'b'): SiblingSet => plain(replica, 1, replica.repeat(RECORD_BYTES_MAX / 2));
const SMALL = plain('c', 1, 'small');

/** Others answer what an actor has asked them for a key. */
function answer(env: SimEnv, role: Role, asked: readonly Sent[], key: string, sets: readonly SiblingSet[]): Sent[] {
  return asked
    .filter(({ tag }) => tag === Kind.fetch)
    .flatMap(({ to, request }, index) => {
      const from = addressOf(Role.vnode, nodeOf(to), 0);
      return env.deliver(role, fetchedDraft(key, success(1, 0), sets[index]), { from, request });
    });
}

for (const monotonic of [false, true]) {
  const kind = monotonic ? 'a monotonic read' : 'a read';
  test(`large siblings: ${kind} of more than a record holds -> the client is told; other reads go on`, (t) => {
    const env = new SimEnv({ node: 3 });
    const other = env.deliver(Role.coordinator, readDraft({ key: 'other', r: 2 }), { request: 2 });
    const asked = env.deliver(Role.coordinator, readDraft({ key: 'k', r: 2, monotonic }));
    const sent = answer(env, Role.coordinator, asked, 'k', [large('a'), large('b'), SMALL]);
    t.deepEqual(env.thrown, []);
    t.deepEqual(
      sent.map(({ tag, view }) => [tag, codeOf(view.u32(Answer.outcome))]),
      [[Kind.answered, 'KV_TOO_MANY_SIBLINGS']],
    );
    const [reply] = answer(env, Role.coordinator, other, 'other', [SMALL, SMALL]);
    t.deepEqual(valuesOf(answerSet(reply.view)), ['small']);
  });
}

test('large siblings: a put of a key whose record cannot be read, and of which the others hold too much -> is told; other puts go on', (t) => {
  const env = new SimEnv();
  env.store.corrupt.add('k');
  const asked = env.deliver(Role.coordinator, writeDraft({ key: 'k', value: 'new', w: 1 }));
  const sent = answer(env, Role.coordinator, asked, 'k', [large('a'), large('b')]);
  t.deepEqual(env.thrown, []);
  t.deepEqual(
    sent.map(({ tag, view }) => [tag, codeOf(view.u32(Written.outcome))]),
    [[Kind.written, 'KV_TOO_MANY_SIBLINGS']],
  );
  const other = env.deliver(Role.coordinator, writeDraft({ key: 'other', value: 'new', w: 1 }));
  t.is(codeOf(other.filter(({ tag }) => tag === Kind.written)[0].view.u32(Written.outcome)), undefined);
});

test('large siblings: anti-entropy finds that the others hold too much of what cannot be read here -> leaves it, and goes on', (t) => {
  const env = new SimEnv({ roles: [Role.vnode, Role.antiEntropy] });
  for (const key of ['k', 'other']) env.store.corrupt.add(key);
  const from = addressOf(Role.coordinator, 1, 0);
  const asked = (key: string) => env.deliver(Role.vnode, fetchDraft(key), { from });
  answer(env, Role.antiEntropy, asked('k'), 'k', [large('a'), large('b')]);
  t.deepEqual([env.thrown, env.held('k').siblings.length], [[], 0]);
  answer(env, Role.antiEntropy, asked('other'), 'other', [SMALL, SMALL]);
  t.deepEqual(valuesOf(env.held('other')), ['small']);
  t.deepEqual([...env.store.corrupt], ['k']);
});

test('large siblings: a merge that leaves more than a record holds -> refused, both sides keep theirs; a put without context ends it', (t) => {
  const env = new SimEnv({ arenaBytes: 4 * RECORD_BYTES_MAX });
  const outcomeOf = (draft: Draft, word: number) => codeOf(env.deliver(Role.vnode, draft)[0].view.u32(word));
  t.is(outcomeOf(replicateDraft('k', large('a')), Replicated.outcome), undefined);
  t.is(outcomeOf(replicateDraft('k', large('b')), Replicated.outcome), 'KV_TOO_MANY_SIBLINGS');
  t.deepEqual(valuesOf(env.held('k')), valuesOf(large('a')));
  const one = { key: 'k', value: 'one', w: 1 };
  t.is(
    outcomeOf(writeDraft({ ...one, context: large('b').vector }, Kind.mint), Minted.outcome),
    'KV_TOO_MANY_SIBLINGS',
  );
  t.is(outcomeOf(writeDraft(one, Kind.mint), Minted.outcome), undefined);
  t.is(outcomeOf(replicateDraft('k', large('b')), Replicated.outcome), undefined);
  t.deepEqual(
    valuesOf(env.held('k')).map((value) => value?.length),
    [3, RECORD_BYTES_MAX / 2],
  );
  t.deepEqual(env.thrown, []);
});

test('pages: asked for with more bytes than a page has, of a scan or of a transfer -> a page, and another one behind it', (t) => {
  const env = new SimEnv({ roles: [Role.vnode, Role.rebalancer], arenaBytes: 1024 * 1024 });
  const keys = Array.from({ length: 20 }, (_, i) => `key-${String(i).padStart(2, '0')}`);
  for (const key of keys) env.deliver(Role.vnode, replicateDraft(key, plain('a', 1, 'v'.repeat(PAGE_BYTES_MAX / 8))));
  const [scanned] = env.deliver(Role.vnode, scanDraft({}, 0x7fff_fff8));
  const { entries, more } = pageEntries(scanned.view);
  t.deepEqual([entries.map(({ key }) => key), more], [keys.slice(0, 7), true]);
  const body = encodeBody({}).slice();
  const fill = (words: Int32Array, bytes: Buffer, at: number) => {
    words.set([1, 0, 0x7fff_fff8, 0], at + Pull.epoch);
    putBody(words, bytes, at + Pull.body, body);
  };
  const [pulled] = env.deliver(Role.rebalancer, { tag: Kind.pull, bytes: bodyMessageBytes(Pull.body, body), fill });
  t.deepEqual([pulled.view.u32(Pulled.count), pulled.view.u32(Pulled.more)], [7, 1]);
});
