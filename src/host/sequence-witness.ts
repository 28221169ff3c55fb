/**
 * What is known of a node's log outside of the node's directory: its storage incarnation, and a sequence number below which
 * everything was on its disk. A directory that ends below that, or is of another incarnation, is an older copy put back.
 *
 * Written beside the directory: durably when an incarnation begins and when the node closes, and now and then meanwhile,
 * without a sync, since an older number is right too; a file that cannot be read says nothing.
 */
import fs from 'node:fs';
import { readMark, type StorageMark } from '../core/storage-mark.js';
import { writeFileDurably } from './durable-file.js';

export class SequenceWitness {
  readonly #path: string;

  constructor(nodeDirectory: string) {
    this.#path = witnessPath(nodeDirectory);
  }

  read(): StorageMark | undefined {
    try {
      // older versions wrote no time
      const read = { bornMs: 0, ...(JSON.parse(fs.readFileSync(this.#path, 'utf8')) as Partial<StorageMark>) };
      const mark = readMark({ ...read, node: 0 });
      return mark && { replica: mark.replica, bornMs: mark.bornMs, sequence: mark.sequence };
    } catch {
      return undefined;
    }
  }

  /** @throws StoreError KV_STORAGE_FULL, KV_STORAGE_FAILED */
  writeDurably(mark: StorageMark): void {
    writeFileDurably(this.#path, JSON.stringify(mark));
  }

  /** Without a sync; a disk that refuses it leaves the older number. */
  write(mark: StorageMark): void {
    const temporary = `${this.#path}.tmp`;
    try {
      fs.writeFileSync(temporary, JSON.stringify(mark));
      fs.renameSync(temporary, this.#path);
    } catch {
      // the next one may succeed
    }
  }
}

export const witnessPath = (nodeDirectory: string): string => `${nodeDirectory}.seen.json`;
