/**
 * What clients asked and were told, one JSON object a line, from a simulation or from real processes, and its check key
 * by key. Times are nanoseconds of one clock that all of a history's clients share, or that differ by less than they
 * claim. docs/simulator.md describes the format.
 */
import { checkRegister, type RegisterOperation } from './linearizability.js';

export interface HistoryEntry {
  readonly client: number | string;
  readonly operation: 'put' | 'delete' | 'get';
  readonly key: string;
  /** What was put. */
  readonly argument?: string;
  /** `ok`: it happened. `unknown`: it may have, or still may. `failed`: it never will. */
  readonly outcome: 'ok' | 'unknown' | 'failed';
  /** What a get returned; null where there was nothing. */
  readonly result?: string | null;
  readonly callNs: number;
  /** Left out where the outcome is unknown. */
  readonly returnNs?: number;
}

export interface HistoryProblem {
  readonly key: string;
  /** The operation that fits nowhere. */
  readonly entry: HistoryEntry;
  /** The longest order that was found without it. */
  readonly order: readonly HistoryEntry[];
}

export function formatHistory(entries: Iterable<HistoryEntry>): string {
  let text = '';
  for (const entry of entries) text += `${JSON.stringify(entry)}\n`;
  return text;
}

/** @throws Error with the number of a line that is not an entry */
export function parseHistory(text: string): HistoryEntry[] {
  return text.split('\n').flatMap((line, index) => (line.trim() === '' ? [] : [parseEntry(line, index + 1)]));
}

/** Every key whose operations have no order that a register could have seen. */
export function checkHistory(entries: readonly HistoryEntry[]): HistoryProblem[] {
  const byKey = new Map<string, HistoryEntry[]>();
  for (const entry of entries) {
    if (entry.outcome === 'failed' || (entry.operation === 'get' && entry.outcome === 'unknown')) continue;
    const ofKey = byKey.get(entry.key) ?? [];
    ofKey.push(entry);
    byKey.set(entry.key, ofKey);
  }
  return [...byKey].flatMap(([key, ofKey]) => {
    const verdict = checkRegister(ofKey.map(registerOperation));
    if (verdict.linearizable) return [];
    return [{ key, entry: ofKey[verdict.stuckAt], order: verdict.order.map((index) => ofKey[index]) }];
  });
}

function registerOperation({
  operation,
  argument,
  outcome,
  result,
  callNs,
  returnNs,
}: HistoryEntry): RegisterOperation {
  const value = operation === 'get' ? (result ?? null) : operation === 'put' ? (argument ?? '') : null;
  return {
    kind: operation === 'get' ? 'read' : 'write',
    value,
    callNs,
    returnNs: outcome === 'ok' ? (returnNs ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY,
  };
}

function parseEntry(line: string, number: number): HistoryEntry {
  let entry: HistoryEntry;
  try {
    entry = JSON.parse(line) as HistoryEntry;
  } catch (cause) {
    throw new Error(`line ${number} is not JSON`, { cause });
  }
  const wrong = whatIsWrong(entry);
  if (wrong !== undefined) throw new Error(`line ${number}: ${wrong}`);
  return entry;
}

function whatIsWrong(entry: HistoryEntry): string | undefined {
  if (entry === null || typeof entry !== 'object') return 'not an object';
  const { operation, key, argument, outcome, callNs, returnNs } = entry;
  if (!['put', 'delete', 'get'].includes(operation)) return `operation ${String(operation)} is unknown`;
  if (!['ok', 'unknown', 'failed'].includes(outcome)) return `outcome ${String(outcome)} is unknown`;
  if (typeof key !== 'string') return 'key is not a string';
  if (operation === 'put' && typeof argument !== 'string') return 'a put has no argument';
  if (operation === 'get' && outcome === 'ok' && entry.result === undefined) return 'a get has no result';
  if (!Number.isFinite(callNs)) return 'callNs is not a number';
  if (outcome !== 'ok') return undefined;
  return Number.isFinite(returnNs) && (returnNs as number) >= callNs ? undefined : 'returnNs does not follow callNs';
}
