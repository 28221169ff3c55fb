/** TLS 1.3 with certificates on both sides; where `openssl` is missing, each test is named as one that did not run. */
import { connect as connectTls } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { askCluster } from '../../src/bridge/ask-cluster.js';
import type { TlsSettings } from '../../src/bridge/types.js';
import { StoreError } from '../../src/core/errors.js';
import { eventually, FakeHost, fetchOf, ROOM, startPair, strangerTo } from './bridge-fixture.js';
import { Authority, HAS_OPENSSL } from './certificates.js';

interface Certificates {
  readonly a: TlsSettings;
  readonly b: TlsSettings;
  /** Of another authority. */
  readonly stranger: TlsSettings;
  readonly expired: TlsSettings;
  readonly other: TlsSettings;
  readonly named: TlsSettings;
}

let made: Promise<Certificates> | undefined;

async function makeCertificates(): Promise<Certificates> {
  const [own, foreign] = await Promise.all([Authority.make(), Authority.make()]);
  try {
    return {
      a: await own.issue({ commonName: 'a' }),
      b: await own.issue({ commonName: 'b' }),
      expired: await own.issue({ commonName: 'b-expired', dns: 'b', isExpired: true }),
      other: await own.issue({ commonName: 'other' }),
      named: await own.issue({ commonName: 'db-2', dns: 'b' }),
      stranger: { ...(await foreign.issue({ commonName: 'b' })), ca: own.ca },
    };
  } finally {
    await Promise.all([own.remove(), foreign.remove()]);
  }
}

function tlsTest(title: string, run: (t: ExecutionContext, certificates: Certificates) => Promise<void>): void {
  if (!HAS_OPENSSL) {
    test(`tls: not run, openssl is missing: ${title}`, (t) => t.pass());
    return;
  }
  test(`tls: ${title}`, async (t) => {
    made ??= makeCertificates();
    await run(t, await made);
  });
}

/** a and b do not connect; what a has counted, and what b is told. */
async function refusalOf(t: ExecutionContext, a: TlsSettings, b: TlsSettings): Promise<{ a: FakeHost; b: FakeHost }> {
  const hostA = await new FakeHost('a', { tls: a }).start(t);
  const hostB = await new FakeHost('b', { index: 1, tls: b, seeds: [hostA.address] }).start(t);
  await eventually(() => hostA.refused.length > 0 && hostB.refused.length > 0, 'both know');
  t.is(hostA.links.size + hostB.links.size, 0);
  return { a: hostA, b: hostB };
}

tlsTest('certificates of one authority -> linked, messages both ways, a large one too', async (t, { a, b }) => {
  const [hostA, hostB] = await startPair(t, { tls: a }, { tls: b });
  hostA.send(fetchOf(1, 300_000));
  hostB.send(fetchOf(2, 104, [ROOM, 0]));
  await eventually(() => hostA.received.length === 1 && hostB.received.length === 1);
  t.is(hostB.received[0].length, 75_000);
});

tlsTest('the id is a DNS name of the certificate -> linked', async (t, { a, named }) => {
  await startPair(t, { tls: a }, { tls: named });
  t.pass();
});

tlsTest('certificates and a secret -> both must be right', async (t, { a, b }) => {
  await startPair(t, { tls: a, secret: 's' }, { tls: b, secret: 's' });
  const hostA = await new FakeHost('a', { tls: a, secret: 's' }).start(t);
  const hostB = await new FakeHost('b', { index: 1, tls: b, secret: 'S', seeds: [hostA.address] }).start(t);
  await eventually(() => hostB.refused.includes('refused: proof'));
  t.is(hostA.links.size, 0);
});

tlsTest('the certificate of another authority -> refused', async (t, { a, stranger }) => {
  const { a: hostA } = await refusalOf(t, a, stranger);
  t.true(hostA.stats.closed.certificate > 0);
});

tlsTest('an expired certificate -> refused', async (t, { a, expired }) => {
  const { a: hostA } = await refusalOf(t, a, expired);
  t.true(hostA.stats.closed.certificate > 0);
});

tlsTest('the dialer does not trust the authority of the listener -> refused', async (t, { a, stranger }) => {
  const hostB = await new FakeHost('b', { index: 1, tls: stranger }).start(t);
  const hostA = await new FakeHost('a', { tls: a, seeds: [hostB.address] }).start(t);
  await eventually(() => hostA.refused.includes('certificate'));
  t.is(hostA.links.size, 0);
});

tlsTest('a host id that the certificate does not name -> refused', async (t, { a, other }) => {
  const { b } = await refusalOf(t, a, other);
  t.is(b.refused[0], 'refused: certificate');
});

tlsTest('a host that is not on the list -> refused; one that is -> linked', async (t, { a, b }) => {
  await refusalOf(t, { ...a, allow: ['c'] }, b);
  await startPair(t, { tls: { ...a, allow: ['b', 'c'] } }, { tls: { ...b, allow: ['a'] } });
  t.pass();
});

tlsTest('no certificate, an older TLS, no TLS at all -> refused, and the others are served', async (t, { a, b }) => {
  const [hostA, hostB] = await startPair(t, { tls: a }, { tls: b });
  const closed = async (options: object): Promise<void> => {
    const socket = connectTls({
      host: '127.0.0.1',
      port: hostA.port,
      ca: a.ca,
      checkServerIdentity: () => undefined,
      ...options,
    });
    socket.on('error', () => undefined).resume();
    await new Promise((resolve) => socket.once('close', resolve));
  };
  await closed({});
  await closed({ ...b, maxVersion: 'TLSv1.2' });
  const plain = await strangerTo(t, hostA);
  const ended = new Promise((resolve) => plain.once('close', resolve));
  plain.write(Buffer.alloc(64, 1));
  await ended;
  await eventually(() => hostA.stats.strangers === 0);
  t.true(hostA.refused.length >= 3);
  hostB.send(fetchOf(2, 104, [ROOM, 0]));
  await eventually(() => hostA.received.length === 1);
});

tlsTest('a host asks with a certificate -> is told; without TLS -> is not', async (t, { a, b }) => {
  const host = await new FakeHost('a', { tls: a }).start(t);
  const asking = { host: 'b', clusterName: 'test', clockDriftMaxMs: 60_000 };
  t.deepEqual((await askCluster(host.address, { ...asking, tls: b })).facts, { n: 3, from: 'a' });
  await t.throwsAsync(askCluster(host.address, asking), { instanceOf: StoreError });
});
