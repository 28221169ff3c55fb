/**
 * How far a node's storage had come: its storage incarnation, when that was drawn, and a sequence number of its log that it had
 * reached for certain. Whoever kept an earlier mark knows an older copy of the storage when it meets one.
 */

export interface StorageMark {
  readonly replica: number;
  /** Milliseconds since 1970, by the clock of the node's host: of two incarnations the later one is the newer. */
  readonly bornMs: number;
  /** Everything before this sequence number was on disk. */
  readonly sequence: number;
}

/** The mark of a node. */
export interface NodeMark extends StorageMark {
  readonly node: number;
}

/** Whether a storage that is at `own` is older than what was `seen` of it. */
export function isBehind(own: StorageMark, seen: StorageMark): boolean {
  return own.replica === seen.replica ? own.sequence < seen.sequence : own.bornMs < seen.bornMs;
}

/** Keeps the newer mark of each node; those that are news. */
export function learnMarks(known: Map<number, NodeMark>, marks: readonly NodeMark[]): NodeMark[] {
  return marks.filter((mark) => {
    const held = known.get(mark.node);
    if (held !== undefined && !isBehind(held, mark)) return false;
    known.set(mark.node, mark);
    return true;
  });
}

/** Plain data as a mark of a node; undefined where it is none. */
export function readMark(value: unknown): NodeMark | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { node, replica, bornMs, sequence } = value as Record<string, unknown>;
  const numbers = [node, replica, bornMs, sequence];
  if (!numbers.every((number) => Number.isSafeInteger(number) && (number as number) >= 0)) return undefined;
  return { node, replica, bornMs, sequence } as NodeMark;
}
