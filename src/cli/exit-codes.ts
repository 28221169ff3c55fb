/**
 * The exit codes of the command line, once: `--help` prints this table and the tests run against it. Scripts branch on
 * the code; people read the sentence on standard error, `kvorum: KV_CODE: sentence` (one JSON line with `--json`).
 * An error of the store itself keeps its code; the codes below are those that only a command line can have.
 */
import { asStoreError, type ErrorDetails, StoreError } from '../core/errors.js';

/** Every exit code with what it means. Append only: scripts depend on the numbers. */
export const EXIT_CODES = {
  ok: { code: 0, meaning: 'Done.' },
  notFound: { code: 1, meaning: 'The key does not exist (get), or a check fails (doctor).' },
  usage: {
    code: 2,
    meaning:
      'The command line, an option, an environment variable or the configuration file is wrong; nothing was done.',
  },
  store: { code: 3, meaning: 'The store refused or failed: the error code says why.' },
  unreachable: { code: 4, meaning: 'No process answers at the address, or one holds the directory without answering.' },
  input: { code: 5, meaning: 'A file cannot be read or written, lines of it are bad (load), or a backup is damaged.' },
  simulation: { code: 6, meaning: 'A simulated cluster broke a promise (sim): the output names the seed.' },
  internal: { code: 70, meaning: 'A bug in kvorum: please report it with the message.' },
  interrupted: {
    code: 130,
    meaning: 'Ended by a second SIGINT before it had closed, as a shell tells it (143 for SIGTERM).',
  },
} as const;

/** Codes of errors that arise before or beside the store. */
export type CliErrorCode = 'KV_USAGE' | 'KV_UNREACHABLE' | 'KV_INPUT' | 'KV_NOT_FOUND';

const CLI_ERROR_EXITS: Readonly<Record<CliErrorCode, number>> = {
  KV_USAGE: EXIT_CODES.usage.code,
  KV_UNREACHABLE: EXIT_CODES.unreachable.code,
  KV_INPUT: EXIT_CODES.input.code,
  KV_NOT_FOUND: EXIT_CODES.notFound.code,
};

/** Store errors that blame the command line rather than the store. */
const USAGE_ERRORS: ReadonlySet<string> = new Set([
  'KV_INVALID_OPTION',
  'KV_FAILURE_DOMAINS',
  'KV_INVALID_KEY',
  'KV_INVALID_CONTEXT',
]);

/** An error that the command line itself raises; `code` is printed like a store's. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly code: CliErrorCode;
  readonly details: ErrorDetails;

  constructor(code: CliErrorCode, message: string, details: ErrorDetails = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
  }
}

/** An error as the command line prints it. */
export interface PrintedError {
  readonly code: string;
  readonly message: string;
  readonly details: ErrorDetails;
  readonly exitCode: number;
}

/** Maps anything thrown to what is printed and to the exit code. */
export function printedError(thrown: unknown): PrintedError {
  if (thrown instanceof CliError) {
    const { code, message, details } = thrown;
    return { code, message, details, exitCode: CLI_ERROR_EXITS[code] };
  }
  if (!(thrown instanceof StoreError) && isSystemError(thrown)) {
    return { code: 'KV_INPUT', message: fileTrouble(thrown), details: {}, exitCode: EXIT_CODES.input.code };
  }
  const { code, message, details } = asStoreError(thrown);
  return { code, message, details, exitCode: storeExitCode(code) };
}

/** The table as the lines that end `--help`. */
export function exitCodesHelp(): string {
  const rows = Object.values(EXIT_CODES).map(({ code, meaning }) => `  ${String(code).padEnd(4)} ${meaning}`);
  return `\nExit codes:\n${rows.join('\n')}`;
}

function storeExitCode(code: string): number {
  if (USAGE_ERRORS.has(code)) return EXIT_CODES.usage.code;
  return code === 'KV_INTERNAL' ? EXIT_CODES.internal.code : EXIT_CODES.store.code;
}

/** `in.ndjson: no such file or directory`, of Node.js' `ENOENT: no such file or directory, open 'in.ndjson'`. */
function fileTrouble({ code, path, message }: NodeJS.ErrnoException): string {
  const what = /^[A-Z0-9]+: (.*?), \w+(?: '.*)?$/s.exec(message)?.[1];
  return path === undefined || what === undefined ? message : `${path}: ${what} (${code})`;
}

function isSystemError(thrown: unknown): thrown is NodeJS.ErrnoException {
  return thrown instanceof Error && 'syscall' in thrown && 'code' in thrown;
}
