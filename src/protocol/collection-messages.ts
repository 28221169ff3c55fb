/** The messages by which dead records are forgotten for good. Part of MESSAGES. */
import { checkLayout, type MessageSpec } from './message-spec.js';

export const COLLECTION_MESSAGES = {
  confirm: {
    tag: 36,
    kind: 'call',
    fields: { partition: 'u32', epoch: 'u32' },
    body: 'cbor',
    summary: 'owner’s collector to every member’s: is each of these dead records on your disk, or nothing of its key?',
  },
  confirmed: {
    tag: 37,
    kind: 'reply',
    fields: { life: 'u32', reserved: 'u32' },
    body: 'cbor',
    summary: 'which of them this member confirms; from here on it takes nothing that they cover.',
  },
  barrier: {
    tag: 38,
    kind: 'cast',
    fields: { stage: 'u32', batch: 'u32', owner: 'u32', origin: 'u32', life: 'u32', reserved: 'u32' },
    body: 'none',
    summary:
      'owner to coordinators: begin; coordinator to collectors: what I sent is before this; they to the owner: it is here.',
  },
  collect: {
    tag: 39,
    kind: 'cast',
    fields: { batch: 'u32', owner: 'u32' },
    body: 'cbor',
    summary:
      'owner’s collector to every member’s: forget exactly these records; or none, and keep your promise no longer.',
  },
} as const satisfies Record<string, MessageSpec>;

export const enum Confirm {
  partition = 4,
  epoch = 5,
  body = 6,
}
export const enum Confirmed {
  life = 4,
  body = 6,
}
/** Stages of a barrier. */
export const enum Stage {
  begin = 0,
  passing = 1,
  passed = 2,
}
export const enum Barrier {
  stage = 4,
  batch = 5,
  owner = 6,
  /** Whose channel it passes. */
  origin = 7,
  /** Of the member that it has reached. */
  life = 8,
  end = 10,
}
export const enum Collect {
  batch = 4,
  owner = 5,
  body = 6,
}

checkLayout(COLLECTION_MESSAGES.confirm, 36, {
  partition: Confirm.partition,
  epoch: Confirm.epoch,
  body: Confirm.body,
});
checkLayout(COLLECTION_MESSAGES.confirmed, 37, { life: Confirmed.life, body: Confirmed.body });
checkLayout(COLLECTION_MESSAGES.barrier, 38, {
  stage: Barrier.stage,
  batch: Barrier.batch,
  owner: Barrier.owner,
  origin: Barrier.origin,
  life: Barrier.life,
  body: Barrier.end,
});
checkLayout(COLLECTION_MESSAGES.collect, 39, { batch: Collect.batch, owner: Collect.owner, body: Collect.body });
