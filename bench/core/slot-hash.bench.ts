/** What it costs to find the slot of a key, plain and tagged. */
import { slotOf } from '../../src/core/slot-hash.js';
import { keyAt } from '../harness/workload.js';
import { repeated } from '../micro/repeat.js';
import type { MicroSuite } from '../micro/suite.js';

const CHECK = Buffer.from('123456789');
/** CRC16/XMODEM of '123456789', the published check value, modulo the number of slots. */
const CHECK_SLOT = 0x31c3 % 16_384;

export const suite: MicroSuite = {
  open: () => {
    const plain = Array.from({ length: 1_000 }, (_, index) => Buffer.from(keyAt(index)));
    const tagged = plain.map((key) => Buffer.concat([Buffer.from('{123456789}'), key]));
    const distinct = new Set(plain.map((key) => slotOf(key))).size;
    if (distinct < 900) throw new Error(`1000 keys fall into ${distinct} slots only`);
    return {
      cases: [
        repeated('check-value-9-bytes', CHECK_SLOT * 1_000, () => slotOf(CHECK)),
        repeated('key-16-bytes', 1_000, (index) => (slotOf(plain[index]) >= 0 ? 1 : 0)),
        repeated('tagged-key-27-bytes', CHECK_SLOT * 1_000, (index) => slotOf(tagged[index])),
      ],
    };
  },
};
