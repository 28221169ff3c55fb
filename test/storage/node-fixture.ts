/**
 * One node's storage over real files in a folder of its own: engine, log, base table and maintenance, turned by hand as a
 * worker loop turns them.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as eventTurn } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';

import type { StoreError } from '../../src/core/errors.js';
import { replicaId } from '../../src/core/ids.js';
import { BaseTable } from '../../src/storage/base-table.js';
import { Engine } from '../../src/storage/engine.js';
import type { LogFiles } from '../../src/storage/log-files.js';
import { Maintenance } from '../../src/storage/maintenance.js';
import { allocateNodeMemory, type NodeMemory } from '../../src/storage/node-memory.js';
import { type RecoveryReport, recover } from '../../src/storage/recovery.js';
import { salvage } from '../../src/storage/salvage.js';
import { readText, stageWrite, type TestKey } from './records.js';

export const MiB = 1024 * 1024;

/** How long a write may be refused before the test fails. */
const PATIENCE_MS = 60_000;

/** Where what is opened is closed in the end. */
export type Teardown = Pick<ExecutionContext, 'teardown'>;

export interface NodeOptions {
  readonly memoryBytes?: number;
  readonly partitions?: number;
  readonly logBytesMax?: number;
  readonly mapBytesMax?: number;
  readonly compression?: boolean;
  readonly syncIntervalMs?: number;
  readonly segmentBytes?: number;
  readonly files?: LogFiles;
  readonly checkpoint?: boolean;
  readonly afterPowerLoss?: boolean;
  readonly chunkBytes?: number;
  /** Take what is intact out of a damaged log, instead of refusing it. */
  readonly salvage?: boolean;
  readonly memory?: NodeMemory;
}

/** A folder that goes away with the test. */
export function testFolder(t: Teardown): string {
  const folder = mkdtempSync(join(tmpdir(), 'kvorum-storage-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export class StorageNode {
  readonly errors: StoreError[] = [];
  readonly maintenance: Maintenance;
  nowMs = 0;
  #closed = false;

  private constructor(
    readonly engine: Engine,
    readonly memory: NodeMemory,
    readonly report: RecoveryReport,
    readonly folder: string,
    readonly options: NodeOptions,
  ) {
    const { syncIntervalMs = 0, logBytesMax = 512 * MiB, mapBytesMax = 1024 * MiB } = options;
    const onError = (error: StoreError) => void this.errors.push(error);
    this.maintenance = new Maintenance(engine, { syncIntervalMs, logBytesMax, mapBytesMax, onError });
  }

  static async open(t: Teardown, folder: string, options: NodeOptions = {}): Promise<StorageNode> {
    const { memoryBytes = MiB, partitions = 8, mapBytesMax = 1024 * MiB, compression = false } = options;
    const directory = join(folder, 'log');
    mkdirSync(directory, { recursive: true });
    const memory = options.memory ?? allocateNodeMemory(memoryBytes, partitions);
    const base = BaseTable.open({ path: join(folder, 'base'), mapBytesMax, compression });
    t.teardown(() => base.close());
    const engine = new Engine({ memory, base, partitions, replica: replicaId(7) });
    const { segmentBytes, files, checkpoint, afterPowerLoss, chunkBytes } = options;
    const recovery = {
      directory,
      ...(segmentBytes !== undefined && { segmentBytes }),
      ...(files !== undefined && { files }),
      ...(checkpoint !== undefined && { checkpoint }),
      ...(afterPowerLoss !== undefined && { afterPowerLoss }),
      ...(chunkBytes !== undefined && { chunkBytes }),
    };
    const report = options.salvage
      ? await salvage(engine, { ...recovery, asideDirectory: join(folder, 'damaged') })
      : await recover(engine, recovery);
    return new StorageNode(engine, memory, report, folder, options);
  }

  get damagedFolder(): string {
    return join(this.folder, 'damaged');
  }

  get logFolder(): string {
    return join(this.folder, 'log');
  }

  /** Ends the turn as a worker loop does; `tookMs` passes. */
  endTurn(tookMs = 1): void {
    this.engine.commit();
    this.engine.publish();
    this.engine.beginHandler();
    this.nowMs += tookMs;
    this.maintenance.run(this.nowMs);
  }

  /** Turns of the event loop until storage has nothing under way. */
  async settle(): Promise<void> {
    for (;;) {
      this.endTurn();
      if (!this.maintenance.busy && !this.maintenance.pending) return;
      await eventTurn();
    }
  }

  /** Writes as one handler of its own; false where it was refused. */
  put(key: TestKey, value: Uint8Array | string, flags = 0): boolean {
    this.engine.beginHandler();
    if (this.engine.refusal !== 0) return false;
    // as a vnode does under durability interval
    if (this.options.syncIntervalMs !== undefined) this.engine.requireSyncSoon();
    return stageWrite(this.engine, key, typeof value === 'string' ? Buffer.from(value) : value, flags) >= 0;
  }

  /** Writes, ending turns and waiting for the disk until the write is taken. */
  async putPatiently(key: TestKey, value: Uint8Array | string): Promise<void> {
    const start = performance.now();
    while (!this.put(key, value)) {
      if (performance.now() - start > PATIENCE_MS) throw new Error(`a write of ${key.text} is refused for ever`);
      this.endTurn();
      await eventTurn();
    }
  }

  text(key: TestKey): string | undefined {
    this.engine.beginHandler();
    return readText(this.engine, key);
  }

  async flush(): Promise<void> {
    await this.settle();
    await this.engine.flusher.flush(this.engine.log);
  }

  /** What a process crash leaves: nothing is synced, cut or closed but the base table's lock. */
  async crash(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (this.engine.flusher.running) await this.engine.flusher.flush(this.engine.log).catch(() => undefined);
    await this.engine.base.close();
  }

  /** A clean stop. */
  async close(): Promise<void> {
    if (this.#closed) return;
    await this.settle();
    this.engine.log.close();
    await this.crash();
  }

  async reopen(t: Teardown, changes: NodeOptions = {}): Promise<StorageNode> {
    await this.crash();
    return StorageNode.open(t, this.folder, { ...this.options, ...changes });
  }
}
