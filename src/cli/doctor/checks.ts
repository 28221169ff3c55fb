/** All checks of the doctor, in the order in which they are shown, and what they come to. */
import type { Facts } from './facts.js';
import * as machine from './machine-checks.js';
import * as store from './store-checks.js';
import type { Check, State, Verdict } from './verdict.js';

export const CHECKS: Readonly<Record<string, Check>> = {
  node: machine.checkNode,
  version: store.checkVersion,
  directory: machine.checkDirectory,
  options: machine.checkOptions,
  secret: machine.checkSecret,
  'file system': machine.checkFileSystem,
  disk: machine.checkDisk,
  damage: machine.checkDamage,
  memory: machine.checkMemory,
  'open files': machine.checkOpenFiles,
  nodes: store.checkNodes,
  hosts: store.checkHosts,
  clock: store.checkClock,
  'failure domain': store.checkFailureDomain,
  'read-only': store.checkReadOnly,
  replicas: store.checkDoubt,
  hints: store.checkHints,
  'wake-ups': store.checkWakeUps,
  overload: store.checkOverload,
};

export interface Finding extends Verdict {
  readonly check: string;
}

/** What every check that has something to look at says. */
export function examine(facts: Facts): Finding[] {
  return Object.entries(CHECKS).flatMap(([check, look]) => {
    const verdict = look(facts);
    return verdict === undefined ? [] : [{ check, ...verdict }];
  });
}

export function countOf(findings: readonly Finding[], state: State): number {
  return findings.filter((finding) => finding.state === state).length;
}
