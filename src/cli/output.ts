/**
 * What a command prints and where: results on standard output, errors, notes and progress on standard error. With
 * `--json` a result is one JSON value a line. A reader that goes away (`kvorum scan | head`) ends the command without
 * a complaint; control characters of keys and values never reach a terminal.
 */
import type { PrintedError } from './exit-codes.js';

/** The two streams of a command and its format. */
export class Output {
  /** Set once the reader of standard output went away: commands stop producing. */
  readerGone = false;

  constructor(
    readonly json: boolean,
    private readonly stdout: NodeJS.WriteStream = process.stdout,
    private readonly stderr: NodeJS.WriteStream = process.stderr,
  ) {
    // what else can fail ends the process (main.ts)
    this.stdout.on('error', () => {
      this.readerGone = true;
    });
    this.stderr.on('error', () => {});
  }

  get isTerminal(): boolean {
    return this.stdout.isTTY === true;
  }

  /** The result: an object with `--json`, the text of it otherwise. */
  result(value: unknown, text: () => string): void {
    this.stdout.write(`${this.json ? JSON.stringify(value) : text()}\n`);
  }

  /** A piece of standard output, waiting for a slow reader. Resolves to false once the reader went away. */
  async write(piece: string | Uint8Array): Promise<boolean> {
    if (this.readerGone) return false;
    if (!this.stdout.write(piece)) await this.#drained();
    return !this.readerGone;
  }

  /** A remark for people on standard error; `--json` keeps it to itself. */
  note(text: string): void {
    if (!this.json) this.stderr.write(`${text}\n`);
  }

  error({ code, message, details, exitCode }: PrintedError): void {
    const line = this.json
      ? JSON.stringify({ error: { code, message, details, exitCode } })
      : `kvorum: ${code}: ${message}`;
    this.stderr.write(`${line}\n`);
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.stdout.off('drain', done).off('error', done).off('close', done);
        resolve();
      };
      this.stdout.on('drain', done).on('error', done).on('close', done);
    });
  }
}

/** Text whose control characters are written as escapes, so that it cannot move a terminal's cursor or add a column. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\\]/g, (found) => {
    const known: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' };
    return known[found] ?? `\\x${found.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}

/** Rows as columns, two spaces apart; numbers to the right, the first row is the heading. */
export function table(rows: readonly (readonly (string | number)[])[]): string {
  const cells = rows.map((row) => row.map(String));
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const numeric = widths.map((_, column) => rows.slice(1).every((row) => isNumeric(row[column])));
  const lines = cells.map((row) =>
    row.map((cell, column) =>
      numeric[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
    ),
  );
  return lines.map((line) => line.join('  ').trimEnd()).join('\n');
}

function isNumeric(cell: string | number | undefined): boolean {
  return typeof cell === 'number' || cell === '-' || /^[+-]?[\d,.]+( ?(%|B|[KMGT]iB))?$/.test(cell ?? '');
}
