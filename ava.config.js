/**
 * How AVA runs the compiled tests: each file in a process of its own, the long ones first, so that none of them is what
 * everything waits for at the end. The list is of what takes longest on two cores; a file that is not in it comes behind.
 */
import { existsSync } from 'node:fs';

const LONGEST_FIRST = [
  'cli/commands',
  'client/hosts',
  'client/second-cluster',
  'cli/ring-changes',
  'client/available',
  'host/supervision',
  'host/ring-changes',
  'host/disk-faults',
  'host/damaged-logs',
  'cli/backup',
  'host/kills',
  'host/salvage-kills',
  'host/damaged-node-files',
  'bridge/moved-hosts',
  'host/torture',
  'cluster/ordeal',
  'cluster/zone-loss',
  'cluster/joining',
  'explorer/hot-table',
  'actors/ring-load',
  'sim/simulation',
  'cli/backup-file',
  'cli/certs',
  'cli/config-file',
  'cli/sim',
  'cli/serve',
  'host/failure-domain',
  'host/data-directory',
  'client/model',
  'cli/repair',
  'client/repair',
  'client/scan',
].map((name) => `dist/test/${name}.test.js`);

const isThere = (file) => existsSync(new URL(file.replace(/^dist\/(.*)js$/, '$1ts'), import.meta.url));
const missing = LONGEST_FIRST.filter((file) => !isThere(file));
if (missing.length > 0) throw new Error(`no such test file: ${missing.join(', ')}`);

const place = (file) => {
  const index = LONGEST_FIRST.findIndex((long) => file.endsWith(long));
  return index < 0 ? LONGEST_FIRST.length : index;
};

export default {
  files: ['dist/test/**/*.test.js'],
  workerThreads: false,
  timeout: '5m',
  concurrency: 3,
  sortTestFiles: (a, b) => place(a) - place(b) || (a < b ? -1 : 1),
};
