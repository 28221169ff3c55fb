/**
 * What is known of a node's log outside of the node's directory: its storage incarnation, and a sequence number below which
 * everything was on its disk. A directory that ends below that, or is of another incarnation, is an older copy put back.
 *
 * Written beside the directory: durably when an incarnation begins and when the node closes, and now and then meanwhile,
 * without a sync, since an older number is right too; a file that cannot be read says nothing.
 */
import fs from 'node:fs';
import type { ReplicaId } from '../core/ids.js';
import { writeFileDurably } from './durable-file.js';

export interface Witnessed {
  readonly replica: number;
  /** Everything before this sequence number was on disk. */
  readonly sequence: number;
}

export class SequenceWitness {
  readonly #path: string;

  constructor(nodeDirectory: string) {
    this.#path = witnessPath(nodeDirectory);
  }

  read(): Witnessed | undefined {
    try {
      const { replica, sequence } = JSON.parse(fs.readFileSync(this.#path, 'utf8')) as Witnessed;
      return Number.isSafeInteger(replica) && Number.isSafeInteger(sequence) ? { replica, sequence } : undefined;
    } catch {
      return undefined;
    }
  }

  /** @throws StoreError KV_STORAGE_FULL, KV_STORAGE_FAILED */
  writeDurably(replica: ReplicaId, sequence: number): void {
    writeFileDurably(this.#path, JSON.stringify({ replica, sequence } satisfies Witnessed));
  }

  /** Without a sync; a disk that refuses it leaves the older number. */
  write(replica: ReplicaId, sequence: number): void {
    const temporary = `${this.#path}.tmp`;
    try {
      fs.writeFileSync(temporary, JSON.stringify({ replica, sequence } satisfies Witnessed));
      fs.renameSync(temporary, this.#path);
    } catch {
      // the next one may succeed
    }
  }
}

export const witnessPath = (nodeDirectory: string): string => `${nodeDirectory}.seen.json`;
