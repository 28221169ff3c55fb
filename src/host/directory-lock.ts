/**
 * One process at a time: `kvorum.lock` holds the pid of the directory's user. A lock whose process is gone is taken over:
 * it is renamed first and looked at again, so that of two that find it stale only one succeeds.
 */
import fs from 'node:fs';
import { join } from 'node:path';
import { StoreError } from '../core/errors.js';

const LOCK = 'kvorum.lock';

export class DirectoryLock {
  readonly #path: string;
  readonly #text: string;
  #held = true;

  /** @throws StoreError KV_IN_USE, KV_PATH */
  constructor(directory: string) {
    this.#path = join(directory, LOCK);
    this.#text = `${process.pid} ${startTime(process.pid)}\n`;
    for (let attempt = 0; attempt < 10; attempt++) {
      if (this.#create()) return;
      this.#removeStale(directory, attempt);
    }
    throw inUse(directory, 'another process');
  }

  #create(): boolean {
    try {
      fs.writeFileSync(this.#path, this.#text, { flag: 'wx', mode: 0o600 });
      return true;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') return false;
      throw new StoreError('KV_PATH', `cannot write ${this.#path}: ${message}`, { path: this.#path }, error);
    }
  }

  #removeStale(directory: string, attempt: number): void {
    const held = readLock(this.#path);
    if (held === undefined) return;
    if (isAlive(held)) throw inUse(directory, `process ${held.split(' ')[0]}`);
    const aside = `${this.#path}.${process.pid}.${attempt}`;
    try {
      fs.renameSync(this.#path, aside);
    } catch {
      return;
    }
    // somebody else may have taken the stale lock over in between: then what was moved aside is theirs
    if (readLock(aside) !== held) fs.renameSync(aside, this.#path);
    else fs.rmSync(aside, { force: true });
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    if (readLock(this.#path) === this.#text.trim()) fs.rmSync(this.#path, { force: true });
  }
}

function readLock(path: string): string | undefined {
  try {
    return fs.readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** A lock that was cut short by a crash is nobody's; a pid that was given to another process has another start time. */
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
