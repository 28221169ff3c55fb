/**
 * The files of one node: `node.json` (its storage incarnation), `log/` and `base/`; `damaged/` where log segments were.
 *
 * A node keeps its storage incarnation only where no acknowledged write can be missing: after a clean close, or under
 * the same boot of the machine, since a process crash loses nothing that was written, and its log does not end below what
 * was seen of it before (sequence-witness.ts). Otherwise it takes a new one, so that no dot is ever minted twice.
 */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';
import type { DoubtCause } from '../actor/partition-doubts.js';
import { StoreError } from '../core/errors.js';
import { type ReplicaId, replicaId } from '../core/ids.js';
import type { StorageMark } from '../core/storage-mark.js';
import { storageError } from '../storage/commit-log.js';
import { fromCheckedJson, toCheckedJson } from './checked-json.js';
import { writeFileDurably } from './durable-file.js';
import { SequenceWitness } from './sequence-witness.js';

const FORMAT = 1;

interface NodeFile {
  readonly format: number;
  readonly replica: number;
  /** When the incarnation was drawn, in milliseconds since 1970. */
  readonly bornMs?: number;
  readonly bootId: string;
  readonly cleanClose: boolean;
  /** A sync of the log failed, and its records are not in the base table yet. */
  readonly untrusted?: boolean;
  /** Why acknowledged writes may be missing; absent once the node has compared with enough others. */
  readonly doubt?: DoubtCause;
}

export class NodeFiles {
  readonly logDirectory: string;
  readonly basePath: string;
  /** Where damaged log segments, and a base table, are kept for the operator. */
  readonly damagedDirectory: string;
  readonly #path: string;
  readonly #bootId = bootId();
  readonly #witness: SequenceWitness;
  /** The storage incarnation that the directory was of. */
  #held: number | undefined;
  #bornMs = 0;
  #seenSequence = 0;
  replica: ReplicaId = replicaId(0);
  /** The machine has booted since, and the node was not closed: what was not synced may have holes. */
  afterPowerLoss = false;
  /** A sync of the log failed in a former life: nothing unsynced is trusted before it is in the base table. */
  untrusted = false;
  /** Why acknowledged writes may be missing here. */
  doubt: DoubtCause = 'none';

  constructor(directory: string) {
    this.logDirectory = join(directory, 'log');
    this.basePath = join(directory, 'base');
    this.damagedDirectory = join(directory, 'damaged');
    this.#path = join(directory, 'node.json');
    this.#witness = new SequenceWitness(directory);
  }

  /**
   * Reads or makes the storage incarnation and notes that the node is open. `isKnown`: the node had a directory before, so
   * that an empty one is a loss. `salvages`: where the file is damaged the worst is taken for true that it can have said.
   * @throws StoreError KV_FORMAT_TOO_NEW, KV_CORRUPT, KV_STORAGE_FULL, KV_STORAGE_FAILED
   */
  open({ isKnown = false, salvages = false } = {}): void {
    try {
      fs.mkdirSync(this.logDirectory, { recursive: true });
    } catch (error) {
      throw storageError(`cannot make ${this.logDirectory}`, error);
    }
    const read = this.#read(salvages);
    const isDamaged = read === 'damaged';
    const held = isDamaged ? undefined : read;
    const sameBoot = this.#bootId !== '' && held?.bootId === this.#bootId;
    this.afterPowerLoss = held !== undefined && !held.cleanClose && !sameBoot;
    this.untrusted = isDamaged || held?.untrusted === true;
    const logThere = fs.readdirSync(this.logDirectory).some((name) => name.endsWith('.log'));
    const keeps = held !== undefined && logThere && (held.cleanClose || sameBoot);
    this.doubt = held?.doubt ?? (!keeps && (held !== undefined || isKnown) ? 'loss' : 'none');
    if (isDamaged) this.doubt = 'rollback';
    this.#held = held?.replica;
    this.#bornMs = held?.bornMs ?? 0;
    if (keeps) this.replica = replicaId(held.replica);
    else this.#renew(this.#witness.read()?.bornMs);
    this.#write(false);
  }

  /**
   * The log, or this file, is damaged, and what is intact is about to be salvaged: what is left is as the past may have been, since an
   * older version of a key may be there without the one that was deleted. On disk when this returns.
   * @throws StoreError KV_STORAGE_FULL, KV_STORAGE_FAILED
   */
  beginSalvage(overtakenBy?: StorageMark): void {
    this.doubt = 'rollback';
    if (this.replica === this.#held) this.#renew(overtakenBy?.bornMs);
    this.#write(false);
  }

  /**
   * The log was read: where it ends below what was seen of it, or another incarnation was seen since, this is an older copy,
   * and the node takes a new incarnation before it mints anything. `nextSequence`: of the first record to come. `overtakenBy`:
   * what other hosts have seen, where that is more.
   * @throws StoreError KV_STORAGE_FULL, KV_STORAGE_FAILED
   */
  recovered(nextSequence: number, overtakenBy?: StorageMark): void {
    const seen = this.#witness.read();
    const isOlder =
      overtakenBy !== undefined ||
      (seen !== undefined && (seen.replica !== this.#held || seen.sequence > nextSequence));
    if (isOlder && this.#held !== undefined) {
      this.doubt = 'rollback';
      if (this.replica === this.#held) this.#renew(overtakenBy?.bornMs);
      this.#write(false);
    }
    if (seen?.replica !== this.replica) this.#witness.writeDurably(this.#mark(0));
    this.#seenSequence = seen?.replica === this.replica ? seen.sequence : 0;
  }

  /** Everything before this sequence number is on disk. */
  synced(sequence: number): void {
    if (sequence <= this.#seenSequence) return;
    this.#seenSequence = sequence;
    this.#witness.write(this.#mark(sequence));
  }

  /** Notes that a sync failed, or that everything is in the base table again. */
  set trusted(value: boolean) {
    if (this.untrusted === !value) return;
    this.untrusted = !value;
    this.#write(false);
  }

  /** The node counts again for everything. */
  endDoubt(): void {
    this.doubt = 'none';
    this.#write(false);
  }

  /** Notes that everything is on disk: what was written before this sequence number. */
  closeClean(sequence: number): void {
    this.#write(true);
    this.#witness.writeDurably(this.#mark(Math.max(this.#seenSequence, sequence)));
  }

  #mark(sequence: number): StorageMark {
    return { replica: this.replica, bornMs: this.#bornMs, sequence };
  }

  /** Another incarnation, newer than the one before, and than one that others have seen, however the clock was set. */
  #renew(seenBornMs = 0): void {
    this.replica = newReplicaId();
    this.#bornMs = Math.max(Date.now(), this.#bornMs + 1, seenBornMs + 1);
  }

  #read(salvages: boolean): NodeFile | 'damaged' | undefined {
    if (!fs.existsSync(this.#path)) return undefined;
    const file = parse(this.#path);
    if (file === undefined) {
      if (salvages) return 'damaged';
      throw new StoreError('KV_CORRUPT', `${this.#path} is damaged`, { path: this.#path, nodeFile: true });
    }
    if (file.format > FORMAT) {
      throw new StoreError('KV_FORMAT_TOO_NEW', `${this.#path} has format ${file.format}; upgrade kvorum`, {
        path: this.#path,
      });
    }
    return file;
  }

  #write(cleanClose: boolean): void {
    const file: NodeFile = {
      format: FORMAT,
      replica: this.replica,
      bornMs: this.#bornMs,
      bootId: this.#bootId,
      cleanClose,
      untrusted: this.untrusted,
      ...(this.doubt !== 'none' && { doubt: this.doubt }),
    };
    writeFileDurably(this.#path, toCheckedJson(file));
  }
}

/** What the file says; undefined where it is damaged. @throws StoreError KV_STORAGE_FAILED */
function parse(path: string): NodeFile | undefined {
  const file = fromCheckedJson(read(path)) as NodeFile | undefined;
  if (file === undefined) return undefined;
  const isNamed = Number.isSafeInteger(file.format) && Number.isSafeInteger(file.replica) && file.replica > 0;
  return isNamed ? file : undefined;
}

function read(path: string): string {
  try {
    return fs.readFileSync(path, 'utf8');
  } catch (error) {
    throw storageError(`cannot read ${path}`, error);
  }
}

/** 48 random bits, never 0. */
function newReplicaId(): ReplicaId {
  return replicaId(randomBytes(6).readUIntBE(0, 6) || 1);
}

/** Changes with every boot of the machine; empty where the system does not tell. */
function bootId(): string {
  try {
    return fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}
