/** `kvorum certs`: certificates that name the host, signed by the authority, good for mutual TLS 1.3. */
import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile, stat } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import test from 'ava';
import { Cli } from './cli-runner.js';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
/** Without the openssl program these are shown as skipped, by their names. */
const withOpenssl = hasOpenssl ? test : test.skip;

withOpenssl(
  'certs: an authority and two hosts -> their ids as common and DNS name, keys for their owner alone',
  async (t) => {
    const cli = await Cli.create(t);
    const folder = join(cli.folder, 'certs');
    const [made] = await cli.json(['certs', folder, '--host', 'a', '--host', 'host-b.example', '--days', '30']);
    t.like(made, { made: true, hosts: { length: 2 } });
    const names = ['a.key', 'a.pem', 'ca.key', 'ca.pem', 'host-b.example.key', 'host-b.example.pem'];
    t.deepEqual((await readdir(folder)).toSorted(), names);
    for (const name of names.filter((one) => one.endsWith('.key'))) {
      t.is((await stat(join(folder, name))).mode & 0o777, 0o600, name);
    }
    const authority = new X509Certificate(await readFile(join(folder, 'ca.pem')));
    t.true(authority.ca);
    for (const host of ['a', 'host-b.example']) {
      const certificate = new X509Certificate(await readFile(join(folder, `${host}.pem`)));
      t.is(certificate.subject, `CN=${host}`);
      t.is(certificate.subjectAltName, `DNS:${host}`);
      t.false(certificate.ca);
      t.true(certificate.checkIssued(authority) && certificate.verify(authority.publicKey));
      const days = (Date.parse(certificate.validTo) - Date.parse(certificate.validFrom)) / 86_400_000;
      t.is(Math.round(days), 30);
    }
  },
);

withOpenssl(
  'certs: a host more -> by the same authority; one that has files already -> refused, nothing changed',
  async (t) => {
    const cli = await Cli.create(t);
    const folder = join(cli.folder, 'certs');
    await cli.must(['certs', folder, '--host', 'a']);
    const before = await readFile(join(folder, 'ca.pem'), 'utf8');
    t.regex(
      (await cli.must(['certs', folder, '--host', 'b'])).stdout,
      /^authority .*ca\.pem \(it was there\)\nb: --host-id b /,
    );
    const { code, stderr } = await cli.run(['certs', folder, '--host', 'c', '--host', 'a']);
    t.is(code, 5);
    t.regex(stderr, /KV_INPUT: a has files in .* already/);
    t.false((await readdir(folder)).includes('c.pem'));
    t.is(await readFile(join(folder, 'ca.pem'), 'utf8'), before);
  },
);

withOpenssl('certs: two hosts that speak TLS 1.3 -> each sees the id of the other', async (t) => {
  const cli = await Cli.create(t);
  const folder = join(cli.folder, 'certs');
  await cli.must(['certs', folder, '--host', 'a', '--host', 'b']);
  const secrets = async (host: string) => ({
    ca: await readFile(join(folder, 'ca.pem')),
    cert: await readFile(join(folder, `${host}.pem`)),
    key: await readFile(join(folder, `${host}.key`)),
    minVersion: 'TLSv1.3' as const,
  });
  const server = createServer({ ...(await secrets('a')), requestCert: true, rejectUnauthorized: true });
  t.teardown(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>;
  const { port } = server.address() as AddressInfo;
  const client = connect({ ...(await secrets('b')), host: '127.0.0.1', port, servername: 'a' });
  await once(client, 'secureConnect');
  const [socket] = await accepted;
  t.is(client.getPeerCertificate().subject.CN, 'a');
  t.is(socket.getPeerCertificate().subject.CN, 'b');
  t.is(client.getProtocol(), 'TLSv1.3');
  client.destroy();
  socket.destroy();
});

test('certs: no host, a name that no certificate takes, no openssl -> a sentence that says what to do', async (t) => {
  const cli = await Cli.create(t);
  const none = await cli.run(['certs', 'x']);
  t.is(none.code, 2);
  t.regex(none.stderr, /name the hosts/);
  for (const id of ['a/b', 'a\nb', '-a', 'ca', '']) {
    const { code, stderr } = await cli.run(['certs', 'x', `--host=${id}`]);
    t.is(code, 2, id);
    t.regex(stderr, /cannot be a host id in a certificate/);
  }
  const { code, stderr } = await cli.run(['certs', 'x', '--host', 'a'], { env: { PATH: cli.folder } });
  t.is(code, 5);
  t.regex(stderr, /KV_INPUT: the openssl program is not on the PATH; install OpenSSL/);
  t.deepEqual(await readdir(cli.folder), []);
});
