/**
 * One process at a time: `kvorum.lock` holds the pid, the start time and a nonce of the directory's user. The lock appears
 * whole or not at all (it is linked, not written). A lock whose process is gone is taken over by whoever links the claim
 * that is named after it, which only one can: a claim stays until the lock names its owner, and who finds that the lock
 * has changed meanwhile withdraws.
 */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';
import { StoreError } from '../core/errors.js';

const LOCK = 'kvorum.lock';
const ATTEMPTS = 10;

export class DirectoryLock {
  readonly #directory: string;
  readonly #path: string;
  readonly #text: string;
  /** The whole text under a name of its own, from which lock and claim are linked. */
  readonly #own: string;
  #held = true;

  /** @throws StoreError KV_IN_USE, KV_PATH */
  constructor(directory: string) {
    const nonce = randomBytes(8).toString('hex');
    this.#directory = directory;
    this.#path = join(directory, LOCK);
    this.#own = `${this.#path}.${nonce}.own`;
    this.#text = `${process.pid} ${startTime(process.pid)} ${nonce}`;
    try {
      fs.writeFileSync(this.#own, `${this.#text}\n`, { flag: 'wx', mode: 0o600 });
      this.#acquire();
    } catch (error) {
      if (error instanceof StoreError) throw error;
      const { message } = error as Error;
      throw new StoreError('KV_PATH', `cannot write ${this.#path}: ${message}`, { path: this.#path }, error);
    } finally {
      fs.rmSync(this.#own, { force: true });
    }
  }

  #acquire(): void {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (linked(this.#own, this.#path)) return;
      const stale = readLock(this.#path);
      if (stale !== undefined && this.#takeOver(stale)) return;
    }
    throw inUse(this.#directory, 'another process');
  }

  /** False where the lock has changed meanwhile. @throws StoreError KV_IN_USE where its owner, or that of its last claim, lives */
  #takeOver(stale: string): boolean {
    const claims: string[] = [];
    let owner: string | undefined = stale;
    for (;;) {
      if (isAlive(owner)) throw inUse(this.#directory, `process ${owner.split(' ')[0]}`);
      const claim = `${this.#path}.${nameOf(owner)}.claim`;
      if (claims.includes(claim)) {
        // a power cut emptied them; the next attempt begins anew
        fs.rmSync(claim, { force: true });
        return false;
      }
      claims.push(claim);
      if (linked(this.#own, claim)) break;
      owner = readLock(claim);
      if (owner === undefined) return false;
    }
    if (readLock(this.#path) !== stale) {
      fs.rmSync(claims.at(-1) as string, { force: true });
      return false;
    }
    fs.renameSync(this.#own, this.#path);
    for (const claim of claims) fs.rmSync(claim, { force: true });
    return true;
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    if (readLock(this.#path) === this.#text) fs.rmSync(this.#path, { force: true });
  }
}

/** Gives a file a second name; false where somebody else has it. */
function linked(from: string, to: string): boolean {
  try {
    fs.linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function readLock(path: string): string | undefined {
  try {
    return fs.readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** A lock's text as part of a file name: its nonce, or its letters and digits where it has none. */
function nameOf(lock: string): string {
  return (lock.split(' ')[2] ?? lock).replace(/[^0-9a-z]/gi, '').slice(0, 32) || 'empty';
}

/** A lock that was cut short by a power cut is nobody's; a pid that was given to another process has another start time. */
function isAlive(lock: string): boolean {
  const [pidText, started = ''] = lock.split(' ');
  const pid = Number(pidText);
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const now = startTime(pid);
  return started === '' || now === '' || now === started;
}

/** When a process started, in clock ticks since boot; empty where the system does not tell. */
function startTime(pid: number): string {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function inUse(directory: string, who: string): StoreError {
  const message = `${directory} is in use by ${who}; the command line talks to it through the socket in it`;
  return new StoreError('KV_IN_USE', message, { path: directory });
}
