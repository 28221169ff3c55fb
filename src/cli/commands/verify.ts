/** `kvorum verify DIR`: reads a whole backup and says what of it is damaged. It touches no store. */
import { instantLines, instantsOf, readManifest } from '../backup-manifest.js';
import { damagesOf } from '../backup-verify.js';
import type { CommandSpec } from '../command.js';
import { EXIT_CODES } from '../exit-codes.js';
import { formatBytes, formatNumber } from '../quantities.js';

export const verifyCommand: CommandSpec = {
  usage: 'verify <dir>',
  summary: 'read a backup and name what of it is damaged',
  description:
    'Reads the manifest and every file of a backup, compares the SHA-256 of each, and decodes every record. Names each ' +
    'file that is damaged, missing or foreign, and why; exits with 5 then. It touches no store.',
  standalone: true,
  examples: [
    ['kvorum verify /backups/monday', 'is it whole?'],
    ["kvorum verify /backups/monday --json | jq '.damages'", 'what is damaged, for a script'],
  ],
  run: async ({ args: [folder], output }) => {
    const manifest = await readManifest(folder);
    const damages = await damagesOf(folder, manifest, output.json);
    const { clusterName, partitions, epoch, startedAt, records, bytes, files } = manifest;
    const about = { folder, clusterName, partitions, epoch, startedAt, records, bytes, files: files.length };
    const instants = instantsOf(files);
    output.result({ ...about, whole: damages.length === 0, damages, ...instants }, () => {
      const what = `${formatNumber(records, 'record')} in ${formatNumber(files.length, 'file')}, ${formatBytes(bytes)}`;
      if (damages.length === 0) {
        return [`whole: ${what}, of cluster ${clusterName}, begun ${startedAt}`, ...instantLines(instants)].join('\n');
      }
      const lines = damages.map(({ file, fault }) => `${file}: ${fault}`);
      return [`damaged: ${formatNumber(damages.length, 'file')} of ${what}`, ...lines].join('\n');
    });
    return damages.length === 0 ? EXIT_CODES.ok.code : EXIT_CODES.input.code;
  },
};
