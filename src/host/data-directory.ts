/**
 * The data directory of a host: a lock file with the pid of its one user, `kvorum.json` with what it was made with, the ring
 * and the other hosts. Each of the three files has a checksum; a damaged one is told, since none can be had from elsewhere.
 * Cluster options are fixed at creation: a directory of other ones is refused, and an option that is not given takes the
 * directory's value. `failureDomain` may change with the ring: then the ring's counts, and both it and the one that the
 * directory was made with may be given.
 */
import fs from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { HostAddress } from '../bridge/types.js';
import { StoreError } from '../core/errors.js';
import { type FailureDomain, OPTION_SPECS, type OpenOptions, type StoreOptions } from '../core/options.js';
import { type RingState, ringFromPlain, ringToPlain } from '../core/ring-state.js';
import { fromCheckedJson, toCheckedJson } from './checked-json.js';
import { DirectoryLock } from './directory-lock.js';
import { writeFileDurably } from './durable-file.js';
import { witnessPath } from './sequence-witness.js';

const FORMAT = 1;
const MANIFEST = 'kvorum.json';
/** The ring since its first change. */
const RING = 'ring.json';
/** The other hosts, of a host that has a bridge. */
const HOSTS = 'hosts.json';

/** What to put in the place of a damaged one. */
const REMEDIES = {
  [MANIFEST]: 'restore it from any copy of the directory: it never changes',
  [RING]: 'restore it from a copy made since the ring last changed, or take the one of another host of the cluster',
  [HOSTS]: 'restore it from a copy of the directory; an older one will do',
} as const;
type FileName = keyof typeof REMEDIES;

/** Stamped besides the cluster options: the host's identity, its nodes, and how LMDB keeps values: it cannot read them otherwise. */
const STAMPED_HOST_OPTIONS: readonly string[] = ['hostId', 'nodes', 'weights', 'compression'];
/** Only defaults of requests: they may change between openings. */
const CHANGEABLE: readonly string[] = ['r', 'w'];

const STAMPED = (Object.keys(OPTION_SPECS) as (keyof StoreOptions)[]).filter(
  (name) =>
    !CHANGEABLE.includes(name) && (OPTION_SPECS[name].scope === 'cluster' || STAMPED_HOST_OPTIONS.includes(name)),
);

/** Where hosts can be reached, and which nodes run there. */
export interface KnownHosts {
  readonly firstNode: number;
  readonly hosts: readonly HostAddress[];
  /** Some of its nodes were members once. */
  readonly hasJoined: boolean;
  /** Of the cluster that this host is part of; empty where it has never had to do with another host. */
  readonly clusterId: string;
}

/** What one of the files says, before it is known to be of its kind. */
type Plain = Readonly<Record<string, unknown>>;
type Stamp = { readonly options: Plain };

export class DataDirectory {
  readonly path: string;
  readonly #lock: DirectoryLock;
  readonly #stamp: Stamp | undefined;
  readonly #isMade: boolean;

  /** Makes the directory if needed and locks it. @throws StoreError KV_PATH, KV_IN_USE, KV_FORMAT_TOO_NEW */
  constructor(path: string) {
    this.path = resolve(path);
    this.#isMade = !fs.existsSync(this.path);
    try {
      makeDirectory(this.path);
      fs.accessSync(this.path, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK);
    } catch (error) {
      const { message } = error as Error;
      throw new StoreError(
        'KV_PATH',
        `cannot use ${this.path} as a data directory: ${message}`,
        { path: this.path },
        error,
      );
    }
    this.#lock = new DirectoryLock(this.path);
    try {
      this.#stamp = this.#read();
    } catch (error) {
      this.#lock.release();
      throw error;
    }
  }

  /** The given options, completed by what the directory was made with. @throws StoreError KV_WRONG_CLUSTER */
  complete(given: OpenOptions): OpenOptions {
    const filled: Record<string, unknown> = { ...given };
    for (const name of STAMPED) if (filled[name] !== undefined) this.#compare(name, filled[name]);
    for (const [name, value] of Object.entries(this.#stamp?.options ?? {})) filled[name] ??= value;
    const inForce = this.#failureDomain();
    return (inForce === undefined ? filled : { ...filled, failureDomain: inForce }) as OpenOptions;
  }

  /** Whether nothing was ever kept here. */
  get isNew(): boolean {
    return this.#stamp === undefined;
  }

  /** Stamps a new directory, or compares with the stamp. @throws StoreError KV_WRONG_CLUSTER, KV_STORAGE_FULL */
  stamp(options: StoreOptions): void {
    const wanted = stampOf(options);
    if (this.#stamp === undefined) {
      writeFileDurably(join(this.path, MANIFEST), toCheckedJson({ format: FORMAT, options: wanted }, 2));
      return;
    }
    for (const [name, value] of Object.entries(wanted)) this.#compare(name, value);
  }

  /** What the ring says, that of a change under way included; undefined before the first change. */
  #failureDomain(): FailureDomain | undefined {
    const ring = this.readRing();
    return (ring?.move ?? ring)?.failureDomain;
  }

  #compare(name: string, value: unknown): void {
    const held = this.#stamp?.options[name];
    if (held === undefined || JSON.stringify(held) === JSON.stringify(value)) return;
    if (name === 'failureDomain' && value === this.#failureDomain()) return;
    const message = `${this.path} was made with ${name} ${JSON.stringify(held)}, not ${JSON.stringify(value)}; leave the option out, or use another directory`;
    throw new StoreError('KV_WRONG_CLUSTER', message, { path: this.path, option: name });
  }

  nodeDirectory(node: number): string {
    return join(this.path, `node-${String(node).padStart(3, '0')}`);
  }

  /** Removes all that a node has on disk: at one moment, so that a crash leaves all of it or nothing. @throws StoreError KV_PATH */
  clearNode(node: number): void {
    const path = this.nodeDirectory(node);
    const gone = `${path}.gone`;
    try {
      fs.rmSync(gone, { recursive: true, force: true });
      if (fs.existsSync(path)) fs.renameSync(path, gone);
      fs.rmSync(witnessPath(path), { force: true });
      fs.rmSync(gone, { recursive: true, force: true });
    } catch (error) {
      throw new StoreError('KV_PATH', `cannot clear ${path}: ${(error as Error).message}`, { path }, error);
    }
  }

  /** The newest ring that this host has known; undefined before the first change. @throws StoreError KV_PATH, KV_FORMAT_TOO_NEW */
  readRing(): RingState | undefined {
    const file = this.#file(RING);
    if (file === undefined) return undefined;
    try {
      return ringFromPlain(file.ring);
    } catch (error) {
      throw this.#damaged(RING, error);
    }
  }

  /** @throws StoreError KV_STORAGE_FULL, KV_STORAGE_FAILED */
  writeRing(ring: RingState): void {
    writeFileDurably(join(this.path, RING), toCheckedJson({ format: FORMAT, ring: ringToPlain(ring) }));
  }

  /** What this host knows of the others, and the first of its own nodes' indices. @throws StoreError KV_PATH, KV_FORMAT_TOO_NEW */
  readHosts(): KnownHosts {
    const file = this.#file(HOSTS);
    if (file === undefined) return { firstNode: 0, hosts: [], hasJoined: false, clusterId: '' };
    if (!isKnownHosts(file)) throw this.#damaged(HOSTS);
    const { firstNode, hosts, hasJoined, clusterId } = file;
    return { firstNode, hosts, hasJoined, clusterId };
  }

  /** @throws StoreError KV_STORAGE_FULL, KV_STORAGE_FAILED */
  writeHosts(known: KnownHosts): void {
    writeFileDurably(join(this.path, HOSTS), toCheckedJson({ format: FORMAT, ...known }, 2));
  }

  /** A directory that this one made, and that nothing was ever kept in, goes too. */
  release(): void {
    this.#lock.release();
    if (this.#isMade && this.isNew && fs.existsSync(this.path) && fs.readdirSync(this.path).length === 0) {
      fs.rmdirSync(this.path);
    }
  }

  #read(): Stamp | undefined {
    const file = this.#file(MANIFEST);
    if (file === undefined || isStamp(file)) return file;
    throw this.#damaged(MANIFEST);
  }

  /** What a file says; undefined where there is none. @throws StoreError KV_PATH, KV_FORMAT_TOO_NEW */
  #file(name: FileName): Plain | undefined {
    const path = join(this.path, name);
    if (!fs.existsSync(path)) return undefined;
    const file = fromCheckedJson(readText(path));
    if (typeof file?.format !== 'number') throw this.#damaged(name);
    if (file.format <= FORMAT) return file;
    const message = `${path} has format ${file.format}, this version reads up to ${FORMAT}; upgrade kvorum`;
    throw new StoreError('KV_FORMAT_TOO_NEW', message, { path, format: file.format });
  }

  #damaged(name: FileName, cause?: unknown): StoreError {
    const path = join(this.path, name);
    const byHand = 'if a person changed it, remove "check" from it';
    const message = `${path} is damaged, it does not say what kvorum wrote: ${REMEDIES[name]}; ${byHand}`;
    return new StoreError('KV_PATH', message, { path }, cause);
  }
}

/** @throws StoreError KV_PATH */
function readText(path: string): string {
  try {
    return fs.readFileSync(path, 'utf8');
  } catch (error) {
    throw new StoreError('KV_PATH', `${path} cannot be read: ${(error as Error).message}`, { path }, error);
  }
}

const isStamp = (file: Plain): file is Plain & Stamp => typeof file.options === 'object' && file.options !== null;

/** Whether it can be that, where no checksum tells. */
function isKnownHosts(file: Plain): file is Plain & KnownHosts {
  const { firstNode, hosts, hasJoined, clusterId } = file;
  const isNamed =
    typeof firstNode === 'number' && Number.isSafeInteger(firstNode) && firstNode >= 0 && typeof clusterId === 'string';
  return isNamed && Array.isArray(hosts) && typeof hasJoined === 'boolean';
}

/** As `mkdir -p`; that of Node.js never returns where a parent exists and refuses children with ENOENT, as /proc does. @throws a system error */
export function makeDirectory(path: string): void {
  if (fs.existsSync(path)) return;
  makeDirectory(dirname(path));
  try {
    fs.mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** What is fixed at creation. */
function stampOf(options: StoreOptions): Record<string, unknown> {
  return Object.fromEntries(STAMPED.map((name) => [name, options[name]]));
}
