/** The machine that a result was measured on, and this process's memory as the kernel counts it. */
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem, type } from 'node:os';

export interface MachineReport {
  readonly cpu: string;
  readonly cores: number;
  /** Bytes of main memory. */
  readonly memory: number;
  readonly node: string;
  readonly os: string;
}

export function describeMachine(): MachineReport {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memory: totalmem(),
    node: process.version,
    os: `${type()} ${release()} ${process.arch}`,
  };
}

/**
 * Bytes of anonymous plus shared resident memory (RssAnon + RssShmem); mapped files, which the kernel can drop, do not
 * count. undefined where there is no /proc.
 */
export function residentBytes(): number | undefined {
  try {
    const status = readFileSync('/proc/self/status', 'utf8');
    return kibibytesOf(status, 'RssAnon') + kibibytesOf(status, 'RssShmem');
  } catch {
    return undefined;
  }
}

function kibibytesOf(status: string, field: string): number {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status);
  if (match === null) throw new Error(`/proc/self/status has no ${field}`);
  return Number(match[1]) * 1024;
}
