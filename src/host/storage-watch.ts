/**
 * How far the storage of nodes had come, as the hosts of a cluster know it of each other: each tells the marks of its nodes
 * (sequence-witness.ts), keeps those of the others on its disk, and tells every host that connects what it knows of that
 * host's nodes. So a host whose whole directory is an older copy hears of it from any other that remembers.
 */
import fs from 'node:fs';
import { join } from 'node:path';
import { isBehind, learnMarks, type NodeMark, readMark, type StorageMark } from '../core/storage-mark.js';
import { SequenceWitness } from './sequence-witness.js';

/** What was seen of the other hosts' nodes; without a sync, for an older mark is right too. */
const SEEN = 'seen.json';

export interface StorageWatchParts {
  /** The host's directory, and those of its nodes. */
  readonly path: string;
  readonly nodes: readonly number[];
  readonly nodeDirectory: (node: number) => string;
}

export class StorageWatch {
  readonly #parts: StorageWatchParts;
  /** The newest marks that others have seen of own nodes, and that were seen here of theirs. */
  readonly #told = new Map<number, NodeMark>();
  readonly #seen = new Map<number, NodeMark>();
  readonly #heard = new Set<string>();
  #saved = '';

  constructor(parts: StorageWatchParts) {
    this.#parts = parts;
    learnMarks(this.#seen, readSeen(join(parts.path, SEEN)));
    this.#saved = JSON.stringify(this.seen);
  }

  /** Marks of own nodes now. */
  own(): NodeMark[] {
    return this.#parts.nodes.flatMap((node) => {
      const mark = this.#markOf(node);
      return mark === undefined ? [] : [{ node, ...mark }];
    });
  }

  #markOf(node: number): StorageMark | undefined {
    return new SequenceWitness(this.#parts.nodeDirectory(node)).read();
  }

  /** What was seen of others' nodes. */
  get seen(): readonly NodeMark[] {
    return [...this.#seen.values()].sort((a, b) => a.node - b.node);
  }

  /** Marks that others have told of their nodes. */
  learn(marks: readonly NodeMark[]): void {
    learnMarks(this.#seen, marks);
  }

  /** What a host has seen of own nodes. */
  hear(host: string, marks: readonly NodeMark[]): void {
    this.#heard.add(host);
    learnMarks(this.#told, marks);
  }

  hasHeard(host: string): boolean {
    return this.#heard.has(host);
  }

  /** Where the storage of a node is an older copy of what others have seen: what they have seen. */
  overtakenBy(node: number): StorageMark | undefined {
    const told = this.#told.get(node);
    if (told === undefined) return undefined;
    const own = this.#markOf(node);
    // what others know from this life stood in the same file before
    return own !== undefined && isBehind(own, told) ? told : undefined;
  }

  /** Keeps what was seen on disk; a disk that refuses it has the older marks. */
  save(): void {
    const text = JSON.stringify(this.seen);
    if (text === this.#saved) return;
    const path = join(this.#parts.path, SEEN);
    try {
      fs.writeFileSync(`${path}.tmp`, text);
      fs.renameSync(`${path}.tmp`, path);
      this.#saved = text;
    } catch {
      // the next time may succeed
    }
  }
}

/** What stands there; nothing where it cannot be read. */
function readSeen(path: string): NodeMark[] {
  try {
    const marks = JSON.parse(fs.readFileSync(path, 'utf8')) as unknown;
    return Array.isArray(marks) ? marks.map(readMark).filter((mark) => mark !== undefined) : [];
  } catch {
    return [];
  }
}
