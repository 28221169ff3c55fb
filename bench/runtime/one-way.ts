/** What the two ends of the one-way bench agree on: message sizes, and the shared words in which the consumer counts. */
export const MESSAGE_BYTES = 120;
/** Bytes of a message behind its 16-byte header, about: what postMessage carries. */
export const PAYLOAD_BYTES = 100;
export const MESSAGES = 10_000;
export const MAILBOX_BYTES = 1024 * 1024;

/** Threads of the bench, as the wake words number them. */
export const enum Thread {
  producer = 0,
  consumer = 1,
}

/** Shared words: messages taken so far, the sum of their request numbers, and whether to stop. */
export const enum Count {
  taken = 0,
  sum = 1,
  stop = 2,
  words = 4,
}

export interface ConsumerData {
  readonly kind: 'mailbox' | 'post-message';
  readonly mailbox: SharedArrayBuffer;
  readonly wake: SharedArrayBuffer;
  readonly counts: SharedArrayBuffer;
}
