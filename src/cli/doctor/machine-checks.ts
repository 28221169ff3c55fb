/** Checks of the machine, the data directory and the options: what can be judged without the store. */
import { OPTION_SPECS } from '../../core/options.js';
import { formatBytes, formatCount, formatNumber } from '../quantities.js';
import { type DiskFacts, type Facts, given } from './facts.js';
import { type Check, fail, ok, type Verdict, warn } from './verdict.js';

/** Of package.json: `engines`. */
const NODE_MIN = [20, 19] as const;
const FORMAT_MAX = 1;
/** A disk with less is as good as full. */
const FREE_BYTES_MIN = 64 * 1024 * 1024;
/** File systems that live in memory, by their magic numbers. */
const IN_MEMORY: Readonly<Record<number, string>> = { 16914836: 'tmpfs', 2240043254: 'ramfs' };
/** And such as live on other machines: the base table maps files into memory, which they do not keep coherent. */
const REMOTE: Readonly<Record<number, string>> = { 26985: 'NFS', 4283649346: 'CIFS', 4266872130: 'SMB2' };
/** Hot tables beyond this share of the memory leave too little for everything else. */
const MEMORY_SHARE_MAX = 0.8;
/** What a process opens beside the connections of clients. */
const FILES_OF_NODE = 16;
const FILES_MIN = 256;
/** Connections that the Redis door takes. */
const CONNECTIONS_MAX = 10_000;

export const checkNode: Check = ({ nodeVersion }) => {
  const [major, minor] = nodeVersion.split('.').map(Number);
  const isEnough = major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1]);
  const wanted = NODE_MIN.join('.');
  return isEnough
    ? ok(`Node.js ${nodeVersion}`)
    : fail(`Node.js ${nodeVersion} is older than ${wanted}, the oldest that kvorum runs on`);
};

export const checkDirectory: Check = ({ directory, trouble }) => {
  if (directory === undefined) return undefined;
  const { path, disk, stamp } = directory;
  if (disk === undefined) return fail(`there is no directory ${path}; name the store's with --path`);
  if (stamp === undefined) {
    return fail(trouble ?? `there is no store in ${path}, or its kvorum.json is damaged or cannot be read`);
  }
  if (stamp.format > FORMAT_MAX) {
    return fail(`${path} has format ${stamp.format}, this version reads up to ${FORMAT_MAX}: upgrade kvorum`);
  }
  return trouble === undefined ? ok(`${path}, format ${stamp.format}`) : fail(trouble);
};

/** Options that were fixed when the directory was made, and are given otherwise now. */
export const checkOptions: Check = ({ directory, options, store }) => {
  const stamp = directory?.stamp;
  if (stamp === undefined) return undefined;
  const differing = Object.entries(options).filter(([name, value]) => {
    // the ring's counts, which may have changed since
    const isInForce = name === 'failureDomain' && value === store?.ring.failureDomain;
    const held = isInForce ? value : stamp.options[name];
    return held !== undefined && JSON.stringify(held) !== JSON.stringify(value);
  });
  if (differing.length === 0) return ok('the options given are those that the directory was made with');
  const pieces = differing.map(
    ([name, value]) => `${name} ${JSON.stringify(value)} (made with ${JSON.stringify(stamp.options[name])})`,
  );
  return fail(`given otherwise than the directory was made: ${pieces.join(', ')}; leave them out`);
};

export const checkDisk: Check = (facts) => {
  const disk = facts.directory?.disk;
  if (disk === undefined) return undefined;
  const { freeBytes } = disk;
  const free = `${formatBytes(freeBytes)} free of ${formatBytes(disk.totalBytes)}`;
  if (freeBytes < FREE_BYTES_MIN) return fail(`${free}: nodes are about to be read-only`);
  const logs = Number(given(facts, 'logBytesMax')) * nodesOf(facts);
  const used = facts.store?.status.stats.nodes.reduce((sum, { logBytes }) => sum + logBytes, 0) ?? 0;
  const wanted = Math.max(0, logs - used) + memoryOf(facts);
  if (freeBytes >= wanted) return ok(free);
  const why = `the commit logs may grow to ${formatBytes(logs)} (logBytesMax), the hot tables hold ${formatBytes(memoryOf(facts))}`;
  return warn(`${free}, which may not do: ${why}`);
};

export const checkFileSystem: Check = (facts) => {
  const disk = facts.directory?.disk;
  if (disk === undefined) return undefined;
  return inMemory(facts, disk) ?? remote(disk) ?? ok('the data directory is on a disk of this machine');
};

function inMemory(facts: Facts, { type }: DiskFacts): Verdict | undefined {
  const name = IN_MEMORY[type];
  if (name === undefined) return undefined;
  const durability = given(facts, 'durability');
  const what = `the data directory is in memory (${name}): nothing of it outlives the machine`;
  return durability === 'sync' ? fail(`${what}, and durability sync promises that it does`) : warn(what);
}

function remote({ type }: DiskFacts): Verdict | undefined {
  const name = REMOTE[type];
  return name === undefined
    ? undefined
    : warn(`the data directory is on another machine (${name}): LMDB wants a disk of this one`);
}

/** What salvages of damaged logs and base tables have left: the disk, or the memory, gave back other bytes than were written. */
export const checkDamage: Check = ({ directory }) => {
  if (directory?.disk === undefined) return undefined;
  const { damagedFiles } = directory;
  if (damagedFiles.length === 0) return ok('no node has found its log or base table damaged');
  const files = formatNumber(damagedFiles.length, 'damaged file');
  return warn(`${files} kept, ${damagedFiles[0]} first: look at the disk, then remove them`);
};

export const checkMemory: Check = (facts) => {
  const wanted = memoryOf(facts);
  const share = wanted / facts.memoryBytes;
  const text = `hot tables take up to ${formatBytes(wanted)} of ${formatBytes(facts.memoryBytes)}`;
  if (share > 1) return fail(`${text}, more than there is: give a smaller memoryBytes`);
  return share > MEMORY_SHARE_MAX ? warn(`${text}: little is left for anything else`) : ok(text);
};

export const checkOpenFiles: Check = (facts) => {
  const max = facts.store?.openFilesMax;
  if (max === undefined) return undefined;
  const own = FILES_OF_NODE * nodesOf(facts);
  const text = `up to ${max === Number.POSITIVE_INFINITY ? 'any number of' : formatCount(max)} open files`;
  if (max < FILES_MIN + own) return fail(`${text}: too few; raise the limit (ulimit -n, LimitNOFILE)`);
  if (max >= CONNECTIONS_MAX + own) return ok(text);
  return warn(`${text}: the Redis door takes ${formatCount(CONNECTIONS_MAX)} connections; raise the limit`);
};

export const checkSecret: Check = ({ secretMode, config }) => {
  if (secretMode === undefined) return undefined;
  const mode = secretMode.toString(8).padStart(4, '0');
  return (secretMode & 0o077) === 0
    ? ok(`${config.file} has a secret, and the mode ${mode}`)
    : warn(`${config.file} has a secret, and others may read it (mode ${mode}): chmod 600`);
};

function nodesOf(facts: Facts): number {
  return facts.store?.status.stats.nodes.length ?? Number(given(facts, 'nodes') ?? 3);
}

/** Hot memory of all nodes of this host: as it is, or as the options would have it. */
function memoryOf(facts: Facts): number {
  const held = facts.store?.status.stats.nodes.reduce((sum, { hotBytesMax }) => sum + hotBytesMax, 0);
  return held ?? Number(given(facts, 'memoryBytes') ?? OPTION_SPECS.memoryBytes.default);
}
