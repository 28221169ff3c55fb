/**
 * How large a ring may be: packed, it travels in one message, and lies on a disk beside the ballots under which it was
 * accepted. A change is refused before it begins unless all that its steps can make of the ring stays within that: a move
 * amid which the ring can no longer be told would never come to its end.
 */
import { StoreError } from './errors.js';
import { epoch } from './ids.js';
import { RING_BYTES_MAX } from './ring.js';
import { packRing } from './ring-packing.js';
import { Phase, type RingState } from './ring-state.js';

/** Epochs from one such step to the next: so many that a packed ring takes two bytes for each, not one. */
const EPOCHS_APART = 129;

/** The same state. @throws StoreError KV_RING_TOO_LARGE where it, or what the steps of its move can make of it, is too large */
export function checkRingSize(state: RingState): RingState {
  const bytes = packRing(grown(state)).length;
  if (bytes <= RING_BYTES_MAX) return state;
  const message =
    `the ring would take up to ${bytes} bytes while it changes, and hosts can tell each other of one of ${RING_BYTES_MAX}: ` +
    'change fewer nodes at once, or have fewer of them';
  throw new StoreError('KV_RING_TOO_LARGE', message, { bytes, bytesMax: RING_BYTES_MAX });
}

/**
 * The largest that the steps of its move can make of a state: each partition takes them in an epoch of its own, far from the
 * others. All else becomes less: a node that has left takes more bytes as a member of the old ring than as a leaver.
 */
export function grown(state: RingState): RingState {
  const { move } = state;
  if (move === undefined) return state;
  let last: number = state.epoch;
  const changedAt = state.changedAt.map((at, p) => {
    if (move.phases[p] === Phase.settled) return at;
    last += EPOCHS_APART;
    return last;
  });
  return { ...state, epoch: epoch(last), changedAt };
}
