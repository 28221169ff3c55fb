/**
 * The data directory of a host: a lock file with the pid of its one user, and `kvorum.json` with what it was made with.
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
import { DirectoryLock } from './directory-lock.js';
import { writeFileDurably } from './durable-file.js';
import { witnessPath } from './sequence-witness.js';

const FORMAT = 1;
const MANIFEST = 'kvorum.json';
/** The ring since its first change. */
const RING = 'ring.json';
/** The other hosts, of a host that has a bridge. */
const HOSTS = 'hosts.json';

/** Stamped besides the cluster options: the host's identity and its nodes. */
const STAMPED_HOST_OPTIONS: readonly string[] = ['hostId', 'nodes', 'weights'];
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

type Stamp = { readonly format: number; readonly options: Readonly<Record<string, unknown>> };

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
      writeFileDurably(join(this.path, MANIFEST), JSON.stringify({ format: FORMAT, options: wanted }, null, 2));
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
    const path = join(this.path, RING);
    if (!fs.existsSync(path)) return undefined;
    const { format, ring } = readFormatted(path) as { format: number; ring: unknown };
    if (format > FORMAT) throw tooNew(path, format);
    return ringFromPlain(ring);
  }

  /** @throws StoreError KV_STORAGE_FULL, KV_STORAGE_FAILED */
  writeRing(ring: RingState): void {
    writeFileDurably(join(this.path, RING), JSON.stringify({ format: FORMAT, ring: ringToPlain(ring) }));
  }

  /** What this host knows of the others, and the first of its own nodes' indices. @throws StoreError KV_PATH, KV_FORMAT_TOO_NEW */
  readHosts(): KnownHosts {
    const path = join(this.path, HOSTS);
    if (!fs.existsSync(path)) return { firstNode: 0, hosts: [], hasJoined: false, clusterId: '' };
    const { format, ...known } = readFormatted(path) as KnownHosts & { format: number };
    if (format > FORMAT) throw tooNew(path, format);
    return known;
  }

  /** @throws StoreError KV_STORAGE_FULL, KV_STORAGE_FAILED */
  writeHosts(known: KnownHosts): void {
    writeFileDurably(join(this.path, HOSTS), JSON.stringify({ format: FORMAT, ...known }, null, 2));
  }

  /** A directory that this one made, and that nothing was ever kept in, goes too. */
  release(): void {
    this.#lock.release();
    if (this.#isMade && this.isNew && fs.existsSync(this.path) && fs.readdirSync(this.path).length === 0) {
      fs.rmdirSync(this.path);
    }
  }

  #read(): Stamp | undefined {
    const path = join(this.path, MANIFEST);
    if (!fs.existsSync(path)) return undefined;
    const stamp = readFormatted(path) as Stamp;
    if (typeof stamp.options !== 'object' || stamp.options === null) throw noManifest(path);
    if (stamp.format > FORMAT) throw tooNew(this.path, stamp.format);
    return stamp;
  }
}

/** A JSON object with a format. @throws StoreError KV_PATH */
function readFormatted(path: string): { readonly format: number } {
  let parsed: { readonly format: number };
  try {
    parsed = JSON.parse(fs.readFileSync(path, 'utf8')) as { readonly format: number };
  } catch (error) {
    throw new StoreError('KV_PATH', `${path} cannot be read: ${(error as Error).message}`, { path }, error);
  }
  if (typeof parsed?.format !== 'number') throw noManifest(path);
  return parsed;
}

function noManifest(path: string): StoreError {
  return new StoreError('KV_PATH', `${path} is no manifest of a data directory; restore it from a backup`, { path });
}

function tooNew(path: string, format: number): StoreError {
  const message = `${path} has format ${format}, this version reads up to ${FORMAT}; upgrade kvorum`;
  return new StoreError('KV_FORMAT_TOO_NEW', message, { path, format });
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
