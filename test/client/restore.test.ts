/**
 * Restoring siblings where writes fail: three replicas of one key as sibling sets, of which a failed write reaches one. Reads
 * of fewer than three avoid that one, as bad luck would have it.
 */
import test from 'ava';
import { CallOptions } from '../../src/client/call-options.js';
import type { StoredRecord } from '../../src/client/record-types.js';
import { type RecordWriter, restore } from '../../src/client/records.js';
import type { CoreAnswer } from '../../src/client/store-core.js';
import type { WriteOrder } from '../../src/client/writes.js';
import type { Clock, Counter, ReplicaId } from '../../src/core/ids.js';
import { emptySet, mergeSets, type Sibling, type SiblingSet, writeSibling } from '../../src/core/siblings.js';
import { type ErrorCode, StoreError, type WriteResult } from '../../src/index.js';
import { Tag } from '../../src/protocol/record.js';
import { failsWith } from './store-fixture.js';

const N = 3;
const calls = new CallOptions({ n: N, r: 2, w: 2, mode: 'strict', durability: 'interval', deadlineMs: 10_000 });

class Replicas implements RecordWriter {
  readonly calls = calls;
  readonly window = 4;
  readonly held: SiblingSet[] = [emptySet(), emptySet(), emptySet()];
  writes = 0;
  /** What a write of this number fails with. */
  readonly #failures: ReadonlyMap<number, ErrorCode>;

  constructor(failures: readonly (readonly [number, ErrorCode])[]) {
    this.#failures = new Map(failures);
  }

  get all(): SiblingSet {
    return this.held.reduce(mergeSets);
  }

  async readSet(_key: unknown, { r }: { r: number }): Promise<CoreAnswer> {
    const lucky = this.#orphaned();
    const seen = [...this.held.keys()].sort((a, b) => Number(a === lucky) - Number(b === lucky)).slice(0, r);
    const set = seen.map((index) => this.held[index]).reduce(mergeSets);
    return { set, replicas: r, fallbacks: 0, via: 'messages', hash: 0 };
  }

  #orphaned(): number {
    return this.held.findIndex((set) => mergeSets(set, this.held[N - 1]) !== this.held[N - 1]);
  }

  /** Each write has another coordinator. */
  async writePlainly(_key: unknown, value: unknown, order: WriteOrder): Promise<WriteResult> {
    const number = ++this.writes;
    const failure = this.#failures.get(number);
    if (failure !== undefined && failure !== 'KV_WRITE_QUORUM_UNMET') throw new StoreError(failure, 'as planned');
    const coordinator = number % (N - 1);
    const dot = { replica: (coordinator + 1) as ReplicaId, counter: number as Counter };
    const sibling: Sibling = {
      dot,
      clock: (number * 65_536) as Clock,
      expiresAtMs: order.expiresAtMs,
      tombstone: order.tombstone,
      tag: Tag.utf8,
      value: Buffer.from(String(value ?? '')),
    };
    const written = writeSibling(this.held[coordinator], order.context, sibling);
    this.held[coordinator] = written;
    if (failure !== undefined) throw new StoreError(failure, 'as planned');
    this.held[N - 1] = mergeSets(this.held[N - 1], written);
    return { replicas: 2, fallbacks: 0, durability: 'interval' };
  }
}

const recordOf = (...values: string[]): StoredRecord => ({
  key: Buffer.from('k'),
  siblings: values.map((value, index) => ({
    type: 'string' as const,
    value: Buffer.from(value),
    tombstone: false,
    expiresAtMs: 0,
    writtenAtMs: values.length - index,
  })),
});

const valuesOf = ({ siblings }: SiblingSet): string[] => siblings.map(({ value }) => Buffer.from(value).toString());

for (const failing of [[1], [2], [3], [1, 4], [2, 3, 4], [3, 6, 9]]) {
  test(`restore: writes no. ${failing} of siblings reach one replica only -> each sibling once, in their order`, async (t) => {
    const core = new Replicas(failing.map((number) => [number, 'KV_WRITE_QUORUM_UNMET'] as const));
    t.deepEqual(await restore(core, [recordOf('pen', 'lamp', 'book')]), { written: 1, unchanged: 0, failed: [] });
    t.deepEqual(valuesOf(core.all), ['pen', 'lamp', 'book']);
    t.deepEqual(valuesOf(core.held[N - 1]), ['pen', 'lamp', 'book'], 'what is acknowledged is at W replicas');
  });
}

test('restore: given up behind a write that reached one replica, and begun again -> each sibling once', async (t) => {
  const core = new Replicas([
    [2, 'KV_WRITE_QUORUM_UNMET'],
    [3, 'KV_UNAVAILABLE'],
  ]);
  await failsWith(t, 'KV_UNAVAILABLE', () => restore(core, [recordOf('pen', 'lamp')]), /as planned/);
  t.like(await restore(core, [recordOf('pen', 'lamp')]), { written: 1 });
  t.deepEqual(valuesOf(core.all), ['pen', 'lamp']);
});

test('restore: a write is refused with nothing done -> that one again, not all of them', async (t) => {
  const core = new Replicas([[3, 'KV_OVERLOADED']]);
  t.like(await restore(core, [recordOf('pen', 'lamp', 'book')]), { written: 1 });
  t.deepEqual(valuesOf(core.all), ['pen', 'lamp', 'book']);
  t.is(core.writes, 4);
});
