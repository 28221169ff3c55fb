/** A mailbox of eight units between two threads: messages of many sizes, through several wraps of the ring. */
import { MailboxReader, MailboxWriter } from '../../../src/runtime/mailbox.js';
import type { Lab, Program } from '../lab.js';

const HEADER_BYTES = 192;
const HEAD = 0;
const TAIL = 16;
const UNITS = 8;
/** Units of the messages; more than the ring holds at once. */
const SIZES = [2, 3, 4, 2, 3];
const TAG = 7;
/** Where the counters may begin, so that they pass 2^31, or 2^32, while the messages go by. */
const NEAR_THE_SIGN = 0x7fff_fffa | 0;
const NEAR_THE_END = -6;

/** `sizes` in units; `batch` messages are published at once; the counters begin at `start`. */
function mailbox(lab: Lab, sizes: readonly number[], batch: number, start: number): Program {
  const memory = lab.allocate('mailbox', HEADER_BYTES + UNITS * 8);
  const words = new Int32Array(memory);
  words[HEAD] = start;
  words[TAIL] = start;
  const writer = new MailboxWriter(memory);
  const reader = new MailboxReader(memory);

  return {
    threads: {
      producer() {
        for (let i = 0; i < sizes.length; i++) {
          let at = -1;
          while (at < 0) {
            const head = lab.peek(words, HEAD);
            at = writer.reserve(sizes[i] * 8);
            if (at >= 0) break;
            writer.publish();
            lab.hold(words, HEAD, head);
          }
          writer.words[at] = (sizes[i] * 8) | (TAG << 24);
          for (let w = 1; w < sizes[i] * 2; w++) writer.words[at + w] = wordOf(i, w);
          if (i % batch === batch - 1) writer.publish();
        }
        writer.publish();
      },
      consumer() {
        for (let i = 0; i < sizes.length; ) {
          const tail = lab.peek(words, TAIL);
          const at = reader.next();
          if (at < 0) {
            reader.release();
            lab.hold(words, TAIL, tail);
            continue;
          }
          lab.check(reader.words[at] === ((sizes[i] * 8) | (TAG << 24)), `message ${i} has its size and its tag`);
          for (let w = 1; w < sizes[i] * 2; w++)
            lab.check(reader.words[at + w] === wordOf(i, w), `message ${i} is whole`);
          i++;
        }
        reader.release();
        lab.check(reader.next() === -1, 'there is one message for each that was sent');
      },
    },
    atEnd() {
      lab.check(words[HEAD] === words[TAIL], 'everything was released');
    },
  };
}

/** A word of a message; none is 0, and all are different. */
const wordOf = (message: number, word: number): number => (message + 1) * 100 + word;

export const oneByOne = (lab: Lab): Program => mailbox(lab, SIZES, 1, 0);
export const inPairs = (lab: Lab): Program => mailbox(lab, [2, 3, 1, 4, 2, 3], 2, NEAR_THE_SIGN);
export const allAtOnce = (lab: Lab): Program => mailbox(lab, [2, 3, 1, 4, 2, 3], 3, NEAR_THE_END);
export const longer = (lab: Lab): Program => mailbox(lab, [...SIZES, 3, 1], 1, NEAR_THE_END);
