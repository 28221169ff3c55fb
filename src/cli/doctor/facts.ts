/**
 * What the doctor looks at: facts about the machine, the data directory and the store, without a judgement. The checks are
 * pure functions of them.
 */
import { readdirSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import type { RingReport } from '../../client/types.js';
import { OPTION_SPECS, type OpenOptions } from '../../core/options.js';
import { fromCheckedJson } from '../../host/checked-json.js';
import type { Config } from '../config-file.js';
import type { StatusReport } from '../store-access.js';

export interface Facts {
  readonly nodeVersion: string;
  readonly version: string;
  /** Of this process, milliseconds since 1970. */
  readonly nowMs: number;
  /** Memory that processes of this machine, or of this container, may have. */
  readonly memoryBytes: number;
  readonly options: OpenOptions;
  readonly config: Config;
  /** Modes of the configuration file, where there is one that names a secret. */
  readonly secretMode: number | undefined;
  /** Undefined for a store elsewhere. */
  readonly directory: DirectoryFacts | undefined;
  /** Undefined where the store cannot be reached or opened: then `trouble` says why. */
  readonly store: StoreFacts | undefined;
  readonly trouble: string | undefined;
}

export interface DirectoryFacts {
  readonly path: string;
  /** What it was made with; undefined where there is no store in it, or nothing that can be read. */
  readonly stamp: { readonly format: number; readonly options: Readonly<Record<string, unknown>> } | undefined;
  /** Undefined where there is no such directory. */
  readonly disk: DiskFacts | undefined;
  /** Damaged log segments and base tables that its nodes keep for the operator. */
  readonly damagedFiles: readonly string[];
}

export interface DiskFacts {
  readonly freeBytes: number;
  readonly totalBytes: number;
  /** The magic number of its file system. */
  readonly type: number;
}

export interface StoreFacts {
  readonly status: StatusReport;
  readonly ring: RingReport;
  /** Another process holds it; not this one. */
  readonly isServed: boolean;
  /** Of the process that holds it, where this machine can tell. */
  readonly openFilesMax: number | undefined;
}

/** Facts of the directory, as far as it is there. */
export function directoryFacts(path: string): DirectoryFacts {
  const damagedFiles = attempt(() => damagedFilesIn(path)) ?? [];
  return { path, stamp: attempt(() => readStamp(path)), disk: attempt(() => diskFacts(path)), damagedFiles };
}

function damagedFilesIn(path: string): string[] {
  const folders = readdirSync(path)
    .filter((name) => /^node-\d+$/.test(name))
    .map((name) => join(path, name, 'damaged'));
  return folders.flatMap((folder) => (attempt(() => readdirSync(folder)) ?? []).map((name) => join(folder, name)));
}

function readStamp(path: string): DirectoryFacts['stamp'] {
  const stamp = fromCheckedJson(readFileSync(join(path, 'kvorum.json'), 'utf8')) as DirectoryFacts['stamp'];
  return typeof stamp?.format === 'number' && typeof stamp.options === 'object' ? stamp : undefined;
}

function diskFacts(path: string): DiskFacts {
  const { bavail, blocks, bsize, type } = statfsSync(path);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize, type };
}

/** Memory of the container where it has a bound, else of the machine. */
export function memoryOfMachine(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 && constrained < totalmem() ? constrained : totalmem();
}

/** The soft limit on open files of a process; undefined where the system does not say. */
export function openFilesMax(pid: number): number | undefined {
  const limits = attempt(() => readFileSync(`/proc/${pid}/limits`, 'utf8'));
  const found = /^Max open files\s+(\d+|unlimited)/m.exec(limits ?? '')?.[1];
  return found === 'unlimited' ? Number.POSITIVE_INFINITY : found === undefined ? undefined : Number(found);
}

export function secretMode({ file, values }: Config): number | undefined {
  return values.secret === undefined ? undefined : attempt(() => statSync(file).mode & 0o777);
}

/** An option as it was given, or its default. */
export function given(facts: Facts, name: keyof OpenOptions): unknown {
  return facts.options[name] ?? facts.directory?.stamp?.options[name] ?? OPTION_SPECS[name].default;
}

function attempt<Result>(look: () => Result): Result | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
