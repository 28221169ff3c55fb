/** Appending a turn to the log: sealing the block (its CRC) and writing it, for turns of 1, 64 and 1024 records. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { recordBytes } from '../../src/protocol/record.js';
import { CommitLog } from '../../src/storage/commit-log.js';
import { BLOCK_HEADER_BYTES, sealBlock } from '../../src/storage/log-block.js';
import { KEY_BYTES, VALUE_BYTES } from '../harness/workload.js';
import type { MicroCase, MicroSuite } from '../micro/suite.js';

const RECORD_BYTES = recordBytes(KEY_BYTES, VALUE_BYTES, false);
/** Segments behind the newest are dropped, as a flush does, so that the folder stays small. */
const SEGMENTS_KEPT = 2;

export const suite: MicroSuite = {
  open: () => {
    const directory = mkdtempSync(join(tmpdir(), 'kvorum-bench-log-'));
    const log = new CommitLog({ directory, firstSegment: 1, nextSequence: 1, held: [] });
    return {
      cases: [turnCase(log, 1, false), turnCase(log, 64, false), turnCase(log, 1024, false), turnCase(log, 64, true)],
      close: () => {
        log.close();
        rmSync(directory, { recursive: true, force: true });
      },
    };
  },
};

function turnCase(log: CommitLog, records: number, synced: boolean): MicroCase {
  const blockBytes = BLOCK_HEADER_BYTES + records * RECORD_BYTES;
  const words = new Int32Array(new SharedArrayBuffer(blockBytes)).fill(7);
  const bytes = Buffer.from(words.buffer);
  return {
    name: `turn-of-${records}${synced ? '-synced' : ''}`,
    operations: records,
    run: () => {
      log.reserveTurn();
      const before = log.bytes;
      sealBlock(
        words,
        bytes,
        0,
        { bytes: blockBytes, firstSequence: log.nextSequence, records, syncedSequence: 0 },
        log.segment,
      );
      log.append(bytes, 0, blockBytes);
      if (log.bytes !== before + blockBytes) throw new Error('the log did not grow by the block');
      log.nextSequence += records;
      if (synced) log.sync();
      log.dropBefore(log.segment - SEGMENTS_KEPT);
    },
  };
}
