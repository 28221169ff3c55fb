/**
 * What a run reports: one result for each id, as a table for people and as JSON for programs.
 *
 * `ratio` says how many times faster ours is (rates), so above 1 is better; `control` is ours against ours in the same
 * rounds: how far it is from 1 is how much a ratio of this run can be trusted.
 */
import type { Comparison } from './interleave.js';
import type { MachineReport } from './machine.js';

export interface Result {
  readonly id: string;
  /** Rate per second, unless `unit` says otherwise. */
  readonly ours: number;
  readonly unit?: string;
  readonly peers: Readonly<Record<string, number>>;
  readonly ratio: Readonly<Record<string, number>>;
  /** Smallest and largest ratio of a single round. */
  readonly spread?: Readonly<Record<string, readonly [low: number, high: number]>>;
  /** Ours against ours. */
  readonly control?: Comparison;
  /** For figures with a promise: the bound, and whether it held. */
  readonly bound?: number;
  readonly held?: boolean;
}

/** A figure that no peer stands beside. */
export const figure = (id: string, ours: number, unit: string): Result => ({ id, ours, unit, peers: {}, ratio: {} });

export interface Report {
  readonly machine: MachineReport;
  readonly results: readonly Result[];
  /** Ours against ours over all ids. */
  readonly control: { readonly ids: number; readonly low: number; readonly high: number } | null;
  readonly skipped: readonly string[];
}

/** Puts a report together; `control` sums up the controls of the results. */
export function makeReport(machine: MachineReport, results: readonly Result[], skipped: readonly string[]): Report {
  const ratios = results.flatMap((result) => (result.control === undefined ? [] : [result.control.ratio]));
  const control =
    ratios.length === 0 ? null : { ids: ratios.length, low: Math.min(...ratios), high: Math.max(...ratios) };
  return { machine, results, control, skipped };
}

/** The report as lines of text. */
export function formatReport(report: Report): string {
  const { machine, results, control, skipped } = report;
  const memoryGiB = (machine.memory / 1024 ** 3).toFixed(0);
  const lines = [
    `${machine.cpu}, ${machine.cores} cores, ${memoryGiB} GiB, Node.js ${machine.node}, ${machine.os}`,
    '',
  ];
  lines.push(...formatCompared(results.filter((result) => result.control !== undefined)));
  lines.push(...formatPlain(results.filter((result) => result.control === undefined)));
  if (control !== null)
    lines.push(`A/A control over ${control.ids} ids: ${control.low.toFixed(2)} to ${control.high.toFixed(2)}`);
  for (const reason of skipped) lines.push(`skipped: ${reason}`);
  return lines.join('\n');
}

function formatCompared(results: readonly Result[]): string[] {
  if (results.length === 0) return [];
  const peers = [...new Set(results.flatMap((result) => Object.keys(result.peers)))];
  const head = ['id', 'ours/s', 'A/A', ...peers];
  const rows = results.map((result) => [
    result.id,
    formatCount(result.ours),
    result.control?.ratio.toFixed(2) ?? '',
    ...peers.map((peer) => cellOf(result, peer)),
  ]);
  return [...alignColumns([head, ...rows]), '', 'A cell of a peer: its rate, then ours divided by it.', ''];
}

function cellOf(result: Result, peer: string): string {
  if (!Object.hasOwn(result.peers, peer)) return '-';
  return `${formatCount(result.peers[peer])} ${result.ratio[peer].toFixed(2)}x`;
}

function formatPlain(results: readonly Result[]): string[] {
  if (results.length === 0) return [];
  const rows = results.map((result) => {
    const peers = Object.entries(result.peers).map(
      ([peer, rate]) => `${peer} ${formatCount(rate)} ${result.ratio[peer].toFixed(2)}x`,
    );
    const bound = result.bound === undefined ? '' : `bound ${formatCount(result.bound)}`;
    const held = result.held === undefined ? '' : result.held ? 'held' : 'BROKEN';
    return [result.id, formatCount(result.ours), result.unit ?? 'ops/s', peers.join(', '), bound, held];
  });
  return [...alignColumns([['id', 'value', 'unit', 'peers', '', ''], ...rows]), ''];
}

/** Left-aligned first column, right-aligned others. */
function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
      .join('  ')
      .trimEnd(),
  );
}

/** 1234567 as `1.23M`, 45678 as `45.7k`, 12.34 as `12.3`, 12 as `12`. */
export function formatCount(value: number): string {
  if (Number.isInteger(value) && value < 1_000) return String(value);
  const [scaled, suffix] = value >= 999_500 ? [value / 1e6, 'M'] : value >= 999.5 ? [value / 1e3, 'k'] : [value, ''];
  return `${scaled >= 100 ? scaled.toFixed(0) : scaled.toPrecision(3)}${suffix}`;
}
