#!/usr/bin/env node
/**
 * The executable: runs one command line and leaves the exit code to exit-codes.ts. Whatever escapes the commands is a
 * bug, printed as one, so that it cannot be taken for "not found" (Node.js itself would exit with 1).
 */
import { EXIT_CODES, printedError } from './exit-codes.js';
import { runCommandLine } from './program.js';

process.on('uncaughtException', (error) => {
  process.stderr.write(`kvorum: KV_INTERNAL: ${error.stack ?? error.message}\n`);
  process.exit(EXIT_CODES.internal.code);
});

// A reader that goes away (`kvorum --help | head`) is no error; commands that print much notice it by Output.readerGone.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') return;
  const { code, message, exitCode } = printedError(error);
  process.stderr.write(`kvorum: ${code}: standard output: ${message}\n`);
  process.exit(exitCode);
});
process.stderr.on('error', () => {});

await runCommandLine(process.argv);
