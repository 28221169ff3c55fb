import test from 'ava';
import fc from 'fast-check';
import { FrameType } from '../../src/bridge/frame.js';
import { Handshake, type HandshakeOptions, type Step } from '../../src/bridge/handshake.js';
import {
  commonVersion,
  type Hello,
  type Judgement,
  MAGIC,
  PROTOCOL_VERSIONS,
  readHello,
} from '../../src/bridge/hello.js';
import { HostTable } from '../../src/bridge/host-table.js';
import { encodeBody } from '../../src/protocol/body.js';

const NOW_MS = 1_800_000_000_000;
let nonces = 0;

function helloOf(host: string, first: number, changes: Partial<Hello> = {}): Hello {
  return {
    magic: MAGIC,
    versions: PROTOCOL_VERSIONS,
    cluster: 'c',
    incarnation: 1,
    optionsHash: 'o',
    clockMs: NOW_MS,
    monotonicMs: 5,
    nonce: new Uint8Array(32).fill(++nonces),
    purpose: 'peer',
    proves: false,
    self: { host, address: `127.0.0.1:${7000 + first}`, first, room: 32, zone: 'z', machine: 'm' },
    ...changes,
  };
}

interface SideOptions {
  readonly secret?: string;
  readonly hello?: Partial<Hello>;
  readonly judgement?: Partial<Judgement>;
}

function side(part: 'dialer' | 'listener', { secret, hello = {}, judgement = {} }: SideOptions = {}): Handshake {
  const own = helloOf(part, part === 'dialer' ? 0 : 32, { proves: secret !== undefined, ...hello });
  const options: HandshakeOptions = {
    part,
    hello: () => own,
    secret,
    judgement: () => ({
      clockMs: NOW_MS,
      clockDriftMaxMs: 1_000,
      certificateNames: undefined,
      allow: undefined,
      objection: () => undefined,
      ...judgement,
    }),
  };
  return new Handshake(options);
}

interface Outcome {
  readonly dialer: Step['end'];
  readonly listener: Step['end'];
  /** What the dialer and the listener sent, in order. */
  readonly sent: Step['send'][number][];
}

/** Carries frames to and fro until both have ended or nobody has anything to say. */
function run(dialer: Handshake, listener: Handshake): Outcome {
  const sent: Step['send'][number][] = [];
  const ends: { dialer: Step['end']; listener: Step['end'] } = { dialer: undefined, listener: undefined };
  let step = dialer.begin();
  listener.begin();
  for (let turn = 0; step.send.length > 0 && turn < 10; turn++) {
    const [name, receiver] = turn % 2 === 0 ? (['listener', listener] as const) : (['dialer', dialer] as const);
    sent.push(...step.send);
    let answer: Step = { send: [] };
    for (const { type, packed } of step.send) {
      if (ends[name] === undefined) answer = receiver.receive(type, packed);
    }
    ends[name] ??= answer.end;
    step = answer;
  }
  return { ...ends, sent };
}

const reasonsOf = ({ dialer, listener }: Outcome): (string | undefined)[] =>
  [dialer, listener].map((end) => (end === undefined || 'peer' in end ? undefined : end.reason));

test('handshake: no secret -> each knows the other; the listener speaks second', (t) => {
  const { dialer, listener, sent } = run(side('dialer'), side('listener'));
  t.is(dialer !== undefined && 'peer' in dialer && dialer.peer.self.host, 'listener');
  t.is(listener !== undefined && 'peer' in listener && listener.peer.self.host, 'dialer');
  t.deepEqual(
    sent.map(({ type }) => type),
    [FrameType.hello, FrameType.hello, FrameType.welcome, FrameType.welcome],
  );
});

test('handshake: one secret -> both prove that they know it, the dialer first', (t) => {
  const { dialer, listener, sent } = run(side('dialer', { secret: 's' }), side('listener', { secret: 's' }));
  t.true(dialer !== undefined && 'peer' in dialer && listener !== undefined && 'peer' in listener);
  t.deepEqual(
    sent.map(({ type }) => type),
    [FrameType.hello, FrameType.hello, FrameType.proof, FrameType.proof, FrameType.welcome, FrameType.welcome],
  );
});

test('handshake: two secrets -> the listener refuses, before it has proved anything', (t) => {
  const outcome = run(side('dialer', { secret: 's' }), side('listener', { secret: 'S' }));
  t.deepEqual(reasonsOf(outcome), ['refused', 'proof']);
  t.is(outcome.sent.filter(({ type }) => type === FrameType.proof).length, 1);
});

test('handshake: a listener that does not know the secret -> the dialer refuses it', (t) => {
  const dialer = side('dialer', { secret: 's' });
  const fake = side('listener', { secret: 's' });
  const [hello] = dialer.begin().send;
  const [answer] = fake.receive(hello.type, hello.packed).send;
  dialer.receive(answer.type, answer.packed);
  const { end } = dialer.receive(FrameType.proof, encodeBody(new Uint8Array(32)));
  t.is(end !== undefined && 'reason' in end && end.reason, 'proof');
});

test('handshake: what was heard of another handshake, replayed -> refused', (t) => {
  const dialer = side('dialer', { secret: 's' });
  const { sent } = run(dialer, side('listener', { secret: 's' }));
  const [hello, , proof] = sent;
  const listener = side('listener', { secret: 's' });
  t.is(listener.receive(hello.type, hello.packed).end, undefined);
  const { end } = listener.receive(proof.type, proof.packed);
  t.is(end !== undefined && 'reason' in end && end.reason, 'proof');
});

test('handshake: a dialer that gives back what it hears -> refused', (t) => {
  const own = side('dialer', { secret: 's' });
  const [hello] = own.begin().send;
  const { end } = own.receive(hello.type, hello.packed);
  t.is(end !== undefined && 'reason' in end && end.reason, 'replay');
  const listener = side('listener', { secret: 's' });
  const [answer] = listener.receive(hello.type, hello.packed).send;
  t.is(answer.type, FrameType.hello);
  const [, asDialer] = [listener, side('dialer', { secret: 's', hello: { nonce: new Uint8Array(32).fill(9) } })];
  asDialer.begin();
  const [proof] = asDialer.receive(answer.type, answer.packed).send;
  const forged = listener.receive(proof.type, proof.packed).end;
  t.is(forged !== undefined && 'reason' in forged && forged.reason, 'proof');
});

const CASES: readonly (readonly [what: string, dialer: SideOptions, reason: string])[] = [
  ['another cluster', { hello: { cluster: 'd' } }, 'cluster'],
  ['other options', { hello: { optionsHash: 'p' } }, 'options'],
  ['another origin, of which the other says nothing', { hello: { optionsHash: 'p', clusterId: 'one' } }, 'options'],
  ['a newer version only', { hello: { versions: { min: 90, max: 91 } } }, 'version'],
  ['an older version only', { hello: { versions: { min: 1, max: 1 } } }, 'version'],
  ['a clock that is ahead', { hello: { clockMs: NOW_MS + 1_001 } }, 'clock'],
  ['a clock that is behind', { hello: { clockMs: NOW_MS - 1_001 } }, 'clock'],
  ['the same host', { hello: { self: helloOf('listener', 0).self } }, 'self'],
  ['another process of its id', { hello: { self: helloOf('listener', 0).self, incarnation: 2 } }, 'id-in-use'],
  ['a secret where there is none', { secret: 's' }, 'authentication'],
  ['a range that does not begin at 32', { hello: { self: { ...helloOf('dialer', 0).self, first: 5 } } }, 'range'],
  ['a range beyond all nodes', { hello: { self: { ...helloOf('dialer', 0).self, first: 4064, room: 64 } } }, 'range'],
  ['a nonce that is too short', { hello: { nonce: new Uint8Array(8) } }, 'malformed'],
  ['another protocol', { hello: { magic: 'redis' } }, 'malformed'],
];
for (const [what, dialer, reason] of CASES) {
  test(`handshake: ${what} -> refused: ${reason}, and the dialer is told`, (t) => {
    const outcome = run(side('dialer', dialer), side('listener'));
    t.deepEqual(reasonsOf(outcome), ['refused', reason]);
    t.is(outcome.dialer !== undefined && 'text' in outcome.dialer && outcome.dialer.text, reason);
  });
}

test('handshake: two clusters of one name -> refused as such; the same one with other options -> as that', (t) => {
  const between = (one: string, other: string) =>
    reasonsOf(
      run(
        side('dialer', { hello: { optionsHash: 'p', clusterId: one } }),
        side('listener', { hello: { optionsHash: 'q', clusterId: other } }),
      ),
    );
  t.deepEqual(between('one', 'other'), ['refused', 'other-cluster']);
  t.deepEqual(between('one', 'one'), ['refused', 'options']);
});

test('handshake: the certificate names another host, or one that is not allowed -> refused', (t) => {
  const names = (certificateNames: readonly string[], allow?: readonly string[]) =>
    reasonsOf(run(side('dialer'), side('listener', { judgement: { certificateNames, allow } })))[1];
  t.is(names(['dialer']), undefined);
  t.is(names(['other', 'dialer']), undefined);
  t.is(names([]), 'certificate');
  t.is(names(['other']), 'certificate');
  t.is(names(['dialer'], ['listener', 'dialer']), undefined);
  t.is(names(['dialer'], ['listener']), 'certificate');
});

test('handshake: a range that another host has -> refused', (t) => {
  const table = new HostTable(helloOf('listener', 32).self);
  table.learn({ ...helloOf('third', 64).self, room: 64 }, true);
  const reasonFor = (first: number) =>
    reasonsOf(
      run(
        side('dialer', { hello: { self: helloOf('dialer', first).self } }),
        side('listener', { judgement: { objection: (hello) => table.objection(hello) } }),
      ),
    )[1];
  t.deepEqual([0, 32, 64, 96, 128].map(reasonFor), [undefined, 'range', 'range', 'range', undefined]);
});

test('handshake: versions -> the highest that both speak; none where there is none', (t) => {
  const versions = (dialer: Hello['versions'], listener: Hello['versions']) => {
    const { dialer: end } = run(
      side('dialer', { hello: { versions: dialer } }),
      side('listener', { hello: { versions: listener } }),
    );
    return end !== undefined && 'peer' in end ? end.version : undefined;
  };
  t.is(versions({ min: 1, max: 2 }, { min: 1, max: 1 }), 1);
  t.is(versions({ min: 1, max: 2 }, { min: 2, max: 4 }), 2);
  t.is(versions({ min: 1, max: 2 }, { min: 3, max: 4 }), undefined);
  const range = fc.tuple(fc.nat(9), fc.nat(9)).map(([a, b]) => ({ min: Math.min(a, b), max: Math.max(a, b) }));
  fc.assert(
    fc.property(range, range, (a, b) => {
      const both = Array.from({ length: 10 }, (_, v) => v).filter((v) => [a, b].every((r) => r.min <= v && v <= r.max));
      t.is(commonVersion(a, b), both.at(-1));
    }),
  );
});

test('handshake: a host that asks -> needs no options, no range, and may not know the name', (t) => {
  const self = { host: 'new', address: '', first: 0, room: 0, zone: '', machine: '' };
  const ask = (cluster: string) =>
    reasonsOf(run(side('dialer', { hello: { purpose: 'ask', optionsHash: '', cluster, self } }), side('listener')));
  t.deepEqual(ask('c'), [undefined, undefined]);
  t.deepEqual(ask(''), [undefined, undefined]);
  t.deepEqual(ask('d'), ['refused', 'cluster']);
});

test('handshake: frames out of turn, and any bytes at all -> refused, never thrown', (t) => {
  const types = fc.constantFrom(FrameType.hello, FrameType.welcome, FrameType.proof);
  fc.assert(
    fc.property(types, fc.uint8Array({ maxLength: 200 }), fc.anything(), (type, bytes, value) => {
      for (const packed of [bytes, plain(value)]) {
        const { end } = side('listener', { secret: 's' }).receive(type, packed);
        t.true(end !== undefined && 'reason' in end);
      }
    }),
  );
  const early = side('listener').receive(FrameType.welcome, encodeBody({})).end;
  t.is(early !== undefined && 'reason' in early && early.reason, 'order');
});

function plain(value: unknown): Uint8Array {
  try {
    return Uint8Array.from(encodeBody(value));
  } catch {
    return new Uint8Array(0);
  }
}

test('hello: fields of a later version -> are passed over', (t) => {
  const hello = helloOf('x', 0);
  t.deepEqual(readHello({ ...hello, compression: ['zstd'] }), hello);
});
