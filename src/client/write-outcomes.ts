/** What the outcome of a write stands for: a result, or an error that says what happened. */
import { StoreError } from '../core/errors.js';
import { durabilityName, durabilityOf, errorOf, fallbacksOf, replicasOf } from '../protocol/outcome.js';
import type { WriteResult } from './types.js';

/** The result of a write that succeeded. */
export function writeResult(outcome: number): WriteResult {
  return {
    replicas: replicasOf(outcome),
    fallbacks: fallbacksOf(outcome),
    durability: durabilityName(durabilityOf(outcome)),
  };
}

export function mailboxFull(node: number): StoreError {
  return new StoreError('KV_OVERLOADED', `the mailbox of node ${node} is full; slow down and try again`, { node });
}

/** The error that a failed outcome of a write stands for. */
export function writeError(outcome: number, detail: number): StoreError {
  const code = errorOf(outcome);
  const needed = detail >>> 8;
  const got = detail & 0xff;
  switch (code) {
    case 'KV_WRITE_QUORUM_UNMET': {
      const message = `${got} of the ${needed} replicas needed confirmed; the write is indeterminate: it may yet spread`;
      return new StoreError(code, message, { needed, got });
    }
    case 'KV_UNAVAILABLE':
      return new StoreError(code, `${got} replicas of the key are up, ${needed} are needed; nothing was done`, {
        needed,
        got,
      });
    case 'KV_CORRUPT':
      return new StoreError(code, damaged(needed, got), { needed, got });
    case 'KV_OVERLOADED':
      return new StoreError(code, 'the node’s memory waits for its disk; nothing was done, slow down and try again');
    case 'KV_STORAGE_FULL':
      return new StoreError(code, 'the disk of the coordinating node is full; free some room and try again');
    case 'KV_TOO_MANY_SIBLINGS':
      return new StoreError(
        code,
        'the write would leave too many siblings; read them, merge them, and put with the context',
      );
    case 'KV_CLOCK_DRIFT':
      return new StoreError(code, 'this thread’s hybrid clock is too far ahead of the node’s; check the system clocks');
    default:
      return new StoreError(code, `the write failed on its coordinator: ${code}`);
  }
}

function damaged(needed: number, got: number): string {
  const what = 'the record of the key is damaged on the disk of its coordinator, and ';
  if (needed === 0) return `${what}no other replica is to hold it; nothing was done: restore it from a backup`;
  return `${what}${got} of the ${needed} others needed could take its place; nothing was done: try again later`;
}
