/** The messages about records that their node cannot read: until one is replaced, writes wait. Part of MESSAGES. */
import { checkLayout, type MessageSpec } from './message-spec.js';

export const MEND_MESSAGES = {
  mend: {
    tag: 45,
    kind: 'call',
    fields: { deadline: 'u32', options: 'u32', callerClock: 'u64', incarnation: 'u32', latest: 'u32' },
    body: 'record+context',
    summary:
      'vnode, or a batch, to its coordinator: what is held of this key cannot be read; ask the others first. Laid out as write.',
  },
  mended: {
    tag: 46,
    kind: 'call',
    fields: { deadline: 'u32', options: 'u32', callerClock: 'u64', incarnation: 'u32', latest: 'u32' },
    body: 'record+context',
    summary: 'coordinator to its own vnode: the others have said what they hold; mint this now. Laid out as write.',
  },
  unread: {
    tag: 47,
    kind: 'cast',
    fields: { keyHash: 'u32', keySlot: 'u32' },
    body: 'key',
    summary:
      'vnode to its anti-entropy: what is held of this key cannot be read; what the others hold is to replace it.',
  },
} as const satisfies Record<string, MessageSpec>;

export const enum Unread {
  keyHash = 4,
  keySlot = 5,
  key = 6,
}

checkLayout(MEND_MESSAGES.unread, 47, { keyHash: Unread.keyHash, keySlot: Unread.keySlot, body: Unread.key });
