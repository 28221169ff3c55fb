/** The ring as a node sees it, by what its actors take and refuse. */
import test from 'ava';
import { Role } from '../../src/actor/address.js';
import { epoch } from '../../src/core/ids.js';
import type { RingState } from '../../src/core/ring-state.js';
import { Answer, Kind, Written } from '../../src/protocol/messages.js';
import { codeOf, readDraft, writeDraft } from '../../src/sim/messages.js';
import { SimEnv, settledRing } from '../sim/sim-env.js';

/** What becomes of a write and of a read that are sent by a ring of this epoch. */
function outcomesOf(ring: RingState, sentBy: number): unknown[] {
  const env = new SimEnv({ ring });
  const [written] = env.deliver(Role.coordinator, writeDraft({ key: 'k', value: 'v', w: 1, epoch: epoch(sentBy) }));
  const [read] = env.deliver(Role.coordinator, readDraft({ key: 'k', r: 1, epoch: epoch(sentBy) }), { request: 2 });
  const codes = [];
  for (const { tag, view } of [written, read]) {
    if (tag === Kind.written) codes.push(codeOf(view.u32(Written.outcome)));
    else if (tag === Kind.answered) codes.push(codeOf(view.u32(Answer.outcome)));
    else codes.push(undefined);
  }
  return codes;
}

test('ring view: a partition that has not moved for 16 bits of epochs -> requests by the ring in force are taken, older ones refused', (t) => {
  const ring = settledRing(1);
  for (const now of [ring.epoch, 32_770, 40_000, 65_537, 100_000, 2 ** 31]) {
    const later = { ...ring, epoch: epoch(now) };
    for (const sentBy of [now, now + 1, now + 100])
      t.deepEqual(outcomesOf(later, sentBy), [undefined, undefined], `${now}`);
    const moved = { ...later, changedAt: [now], begunAt: [now] };
    t.deepEqual(outcomesOf(moved, now - 1), ['KV_STALE_EPOCH', 'KV_STALE_EPOCH'], `${now}`);
    t.deepEqual(outcomesOf(moved, now), [undefined, undefined], `${now}`);
  }
});
