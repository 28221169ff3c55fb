/** What mailboxes put between the messages of actors, which never see it. */
import { checkLayout, type MessageSpec } from './message-spec.js';

export const MAILBOX_MESSAGES = {
  pad: { tag: 1, kind: 'cast', fields: {}, body: 'none', summary: 'Fills the end of a mailbox; never delivered.' },
  piece: {
    tag: 50,
    kind: 'cast',
    fields: { total: 'u32', offset: 'u32' },
    body: 'bytes',
    summary:
      'A part of a message of so many bytes that the mailbox cannot take at once; put together before it is delivered.',
  },
} as const satisfies Record<string, MessageSpec>;

export const enum Piece {
  /** Bytes of the whole message, its header included, and where among them these stand. */
  total = 4,
  offset = 5,
  bytes = 6,
}

checkLayout(MAILBOX_MESSAGES.piece, 50, { total: Piece.total, offset: Piece.offset, body: Piece.bytes });
