/**
 * Which commands of one connection may be in flight together, so that a pipeline means what it says.
 *
 * Redis runs a connection's commands one after another. Here writes wait for replicas, and to wait for each in turn would
 * waste the pipeline. So commands overlap unless one could see the other out of order: a read waits for writes of its key
 * that were sent before it, a write for reads. Two writes of one key overlap: the store keeps the order of one caller
 * (src/client/pipelines.ts).
 */

/** What a command does with its keys, or with all keys. `none`: nothing that a pipeline could see. */
export type Access = 'none' | 'read' | 'write' | 'read-write' | 'read-all' | 'write-all';

interface InFlight {
  reads: number;
  writes: number;
}

export class KeyOrder {
  private readonly keys = new Map<string, InFlight>();
  /** All that are in flight, those on all keys included. */
  private readonly any: InFlight = { reads: 0, writes: 0 };
  /** Those on all keys. */
  private readonly all: InFlight = { reads: 0, writes: 0 };

  /** Nothing is in flight, so nothing can be out of order. */
  get idle(): boolean {
    return this.any.reads === 0 && this.any.writes === 0;
  }

  /** Whether a command must wait for one in flight. O(keys). */
  blocks(access: Access, keys: readonly string[]): boolean {
    if (access === 'none' || this.idle) return false;
    if (access.endsWith('-all')) return conflicts(access, this.any);
    return conflicts(access, this.all) || keys.some((key) => conflicts(access, this.keys.get(key)));
  }

  /** Notes a command in flight. */
  enter(access: Access, keys: readonly string[]): void {
    this.count(access, keys, 1);
  }

  /** Forgets it; must be called once for each `enter`, with the same arguments. */
  leave(access: Access, keys: readonly string[]): void {
    this.count(access, keys, -1);
  }

  private count(access: Access, keys: readonly string[], by: number): void {
    if (access === 'none') return;
    add(this.any, access, by);
    if (access.endsWith('-all')) add(this.all, access, by);
    for (const key of keys) {
      let entry = this.keys.get(key);
      if (entry === undefined) {
        entry = { reads: 0, writes: 0 };
        this.keys.set(key, entry);
      }
      add(entry, access, by);
      if (entry.reads === 0 && entry.writes === 0) this.keys.delete(key);
    }
  }
}

function reads(access: Access): boolean {
  return access !== 'write' && access !== 'write-all';
}

function writes(access: Access): boolean {
  return access !== 'read' && access !== 'read-all';
}

function conflicts(access: Access, other: InFlight | undefined): boolean {
  if (other === undefined) return false;
  return (reads(access) && other.writes > 0) || (writes(access) && other.reads > 0);
}

function add(to: InFlight, access: Access, by: number): void {
  if (reads(access)) to.reads += by;
  if (writes(access)) to.writes += by;
}
