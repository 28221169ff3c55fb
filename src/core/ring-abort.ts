/**
 * How a change under way is called off, as where a new holder is gone for good and will never be filled: every partition that
 * fills stays with the holders it has. They have taken W of each write all the while, and reads were theirs alone. Those that
 * are being handed over go on, since reads are with their new holders already, and those that are settled stay so.
 */
import { StoreError } from './errors.js';
import { epoch } from './ids.js';
import { OPTION_SPECS } from './options.js';
import { Phase, type RingMove, type RingState } from './ring-state.js';

/**
 * The state in which nothing of the change of this id fills any more; the same state where nothing did. Its move may be over.
 * @throws StoreError KV_INVALID_OPTION where the change gives up nodes by force: the holders of before may be among them
 */
export function abortMove(state: RingState, id: number): RingState {
  const { move } = state;
  if (move?.id !== id || !move.phases.includes(Phase.filling)) return state;
  if (move.gone.length > 0) {
    const message = `the ${move.kind} under way has given up node ${move.gone.join(', ')}; only a change without force is called off`;
    throw new StoreError('KV_INVALID_OPTION', message, { option: 'kind' });
  }
  const at = epoch(state.epoch + 1);
  const stays = move.phases.map((phase) => phase === Phase.filling);
  const next = move.next.map((list, p) => (stays[p] ? state.lists[p] : list));
  const phases = move.phases.map((phase, p) => (stays[p] ? Phase.settled : phase));
  const changedAt = state.changedAt.map((before, p) => (stays[p] ? at : before));
  const holders = new Set([...state.lists, ...next].flat());
  const joining = move.members.filter(({ node }) => !state.members.some((member) => member.node === node));
  const members = [...state.members, ...joining.filter(({ node }) => holders.has(node))];
  members.sort((a, b) => a.node - b.node);
  // it may have been a stand-in: it delivers what it has, as one that leaves does
  const leavers = [...state.leavers, ...joining.map(({ node }) => node).filter((node) => !holders.has(node))];
  const failureDomain = weaker(state.failureDomain, move.failureDomain);
  return { ...state, epoch: at, changedAt, leavers, move: { ...move, members, failureDomain, next, phases } };
}

/** Whether a change that began so, and is over, ended in a ring that is not what it was to be. */
export function wasCalledOff({ members, failureDomain, move }: RingState, ring: RingState): boolean {
  if (move === undefined) return false;
  const [before, wanted, now] = [members, move.members, ring.members].map(
    (list) => new Set(list.map(({ node, weight }) => `${node} ${weight}`)),
  );
  const isLacking = [...wanted].some((member) => !before.has(member) && !now.has(member));
  const isLeft = [...before].some((member) => !wanted.has(member) && now.has(member));
  return isLacking || isLeft || (move.failureDomain !== failureDomain && ring.failureDomain !== move.failureDomain);
}

/** What holds for the lists of before and for those of after. */
function weaker(a: RingMove['failureDomain'], b: RingMove['failureDomain']): RingMove['failureDomain'] {
  const levels = OPTION_SPECS.failureDomain.choices ?? [];
  return levels.indexOf(a) < levels.indexOf(b) ? a : b;
}
