/** The messages of sloppy quorums: stand-ins for primaries, and the hints of what those miss. Part of MESSAGES. */
import { checkLayout, type MessageSpec } from './message-spec.js';

export const HINT_MESSAGES = {
  standIn: {
    tag: 15,
    kind: 'call',
    fields: { options: 'u32', mark: 'u32', target: 'u32', reserved: 'u32' },
    body: 'record',
    summary:
      'coordinator, or keeper of a node that has left, to vnode: merge this in place of that node, and keep a hint. Answered by replicated.',
  },
  hint: {
    tag: 16,
    kind: 'cast',
    fields: { target: 'u32', reserved: 'u32', keyHash: 'u32', keySlot: 'u32' },
    body: 'key',
    summary: 'vnode or coordinator to its hint keeper: that node lacks what this one holds for the key.',
  },
  note: {
    tag: 17,
    kind: 'cast',
    fields: { target: 'u32', partition: 'u32' },
    body: 'none',
    summary: 'coordinator to its hint keeper: that node lacks something of the partition, and nobody knows what.',
  },
  repaired: {
    tag: 18,
    kind: 'cast',
    fields: { target: 'u32', partition: 'u32', heldAtMs: 'u32', reserved: 'u32' },
    body: 'none',
    summary: 'anti-entropy to the hint keeper of its node: that node has what this one held of the partition then.',
  },
} as const satisfies Record<string, MessageSpec>;

export const enum StandIn {
  options = 4,
  mark = 5,
  /** Node whose place is taken. */
  target = 6,
  record = 8,
}
/** Hash, length and key stand where those of a `fetch` do. */
export const enum Hint {
  target = 4,
  keyHash = 6,
  keySlot = 7,
  key = 8,
}
export const enum Note {
  target = 4,
  partition = 5,
  end = 6,
}
/** Begins like a `note`. */
export const enum Repaired {
  target = 4,
  partition = 5,
  /** By the node's clock of 32 bits: a note that was made later stays. */
  heldAtMs = 6,
  end = 8,
}

checkLayout(HINT_MESSAGES.standIn, 15, {
  options: StandIn.options,
  mark: StandIn.mark,
  target: StandIn.target,
  body: StandIn.record,
});
checkLayout(HINT_MESSAGES.hint, 16, {
  target: Hint.target,
  keyHash: Hint.keyHash,
  keySlot: Hint.keySlot,
  body: Hint.key,
});
checkLayout(HINT_MESSAGES.note, 17, { target: Note.target, partition: Note.partition, body: Note.end });
checkLayout(HINT_MESSAGES.repaired, 18, {
  target: Repaired.target,
  partition: Repaired.partition,
  heldAtMs: Repaired.heldAtMs,
  body: Repaired.end,
});
