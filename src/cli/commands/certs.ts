/** `kvorum certs DIR --host ID...`: an authority and a certificate for each host, for mutual TLS between them. It touches no store. */
import { makeCertificates } from '../certificates.js';
import type { CommandSpec } from '../command.js';
import { CliError } from '../exit-codes.js';
import { parseCount, parseFlag } from '../quantities.js';

const DAYS_DEFAULT = 365;

export const certsCommand: CommandSpec = {
  usage: 'certs <dir>',
  summary: 'make a development authority and certificates for hosts',
  description:
    'Makes ca.pem and ca.key where DIR has none, and ID.pem and ID.key for each host: common name and DNS name are the ' +
    "host's id, as mutual TLS between hosts wants them. Keys have the mode 0600. For development: whoever has ca.key can " +
    'pretend to be any host. Needs the openssl program.',
  standalone: true,
  flags: (command) => {
    command
      .option('--host <ids...>', 'hosts to make certificates for, by their hostId')
      .option(
        '--days <count>',
        'how long the certificates hold; the authority ten times as long',
        String(DAYS_DEFAULT),
      );
  },
  examples: [
    ['kvorum certs ./certs --host a --host b --host c', 'an authority and three hosts'],
    ['kvorum certs ./certs --host d', 'one more host, later, by the same authority'],
    [
      'kvorum serve --host-id a --tls-ca certs/ca.pem --tls-cert certs/a.pem --tls-key certs/a.key --listen 10.0.0.1:7400',
      'serve with them',
    ],
  ],
  run: async ({ args: [folder], flags, output }) => {
    const hosts = (flags.host ?? []) as readonly string[];
    if (hosts.length === 0) throw new CliError('KV_USAGE', 'name the hosts: --host ID, once for each');
    const days = parseFlag('--days', flags.days, (text) => parseCount(text, { min: 1, max: 3_650 }));
    const files = await makeCertificates(folder, hosts, days);
    output.result(files, () => {
      const authority = `authority ${files.authority}${files.made ? '' : ' (it was there)'}`;
      const lines = files.hosts.map(
        ({ host, certificate, key }) =>
          `${host}: --host-id ${host} --tls-ca ${files.authority} --tls-cert ${certificate} --tls-key ${key}`,
      );
      return [authority, ...lines].join('\n');
    });
    return undefined;
  },
};
