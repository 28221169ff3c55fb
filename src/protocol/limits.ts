/**
 * Every length that travels or is stored has its named maximum here, checked before anything is allocated.
 * Sizes are bytes unless the name says otherwise.
 */
import { RING_BYTES_MAX } from '../core/ring.js';

/** Longest user key; LMDB allows 1,978 bytes and the partition takes two. */
export const KEY_BYTES_MAX = 1_900;
/** Largest message: the size field of its header has 24 bits. */
export const MESSAGE_BYTES_MAX = 0xff_ff_ff & ~7;
/** Largest record: any message takes one, with the fields before it. */
export const RECORD_BYTES_MAX = MESSAGE_BYTES_MAX - 4_096;
/** Smallest mailbox: it must hold four records of the default pair size and their headers. */
export const MAILBOX_BYTES_MIN = 256 * 1024;
/** Messages that one turn takes from one mailbox before it looks at the next. */
export const TURN_MESSAGES_MAX = 256;
/** Bytes of log that one turn may write: bounds the reservation ahead and the pause of a group commit. */
export const TURN_BYTES_MAX = 1024 * 1024;
/** Bytes that a sender keeps for one full mailbox before it refuses. */
export const OUTBOX_BYTES_MAX = 8 * 1024 * 1024;
/** Largest CBOR body of a cold message: of the largest ring, and what is told beside it. The smallest mailbox takes 8 KiB more. */
export const BODY_BYTES_MAX = RING_BYTES_MAX + 1_024;
/** Entries of one gossip message; each takes at most 46 bytes of its body. */
export const GOSSIP_ENTRIES_MAX = 1_024;
/** Records of one scan page, in bytes; a single larger record still travels alone. */
export const PAGE_BYTES_MAX = 32 * 1024;
/** Records that travel together in one batch of writes, in bytes; a single larger one travels as a write of its own. */
export const BATCH_BYTES_MAX = 32 * 1024;
/** Entries of a context that a caller may hand in: one for each replica id that ever wrote the key, and stand-ins take new ones. */
export const CONTEXT_ENTRIES_MAX = 4_096;

/** Bytes of a mailbox for this pair size: a power of two that holds at least 16 of the largest pairs. */
export function mailboxBytes(pairBytesMax: number): number {
  return Math.max(MAILBOX_BYTES_MIN, 2 ** Math.ceil(Math.log2(16 * (pairBytesMax + 256))));
}

/**
 * Largest record that a client write may leave (its siblings together): a quarter of a mailbox, and of the largest record.
 * So what four replicas took apart still fits into one.
 */
export function recordBytesMax(pairBytesMax: number): number {
  return Math.min(mailboxBytes(pairBytesMax), RECORD_BYTES_MAX & ~31) / 4;
}
