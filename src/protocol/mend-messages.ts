/** The messages by which a write waits until a record that its node cannot read has been replaced. Part of MESSAGES. */
import type { MessageSpec } from './message-spec.js';

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
} as const satisfies Record<string, MessageSpec>;
