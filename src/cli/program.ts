/**
 * The whole command line as one commander program: every command, the help around them and what happens to a line that
 * cannot be understood (exit code 2, like every other usage error).
 */
import { Command, CommanderError, Help, type Option } from 'commander';
import { SERVER_VERSION } from '../server/version.js';
import { addCommand } from './command.js';
import { backupCommand } from './commands/backup.js';
import { benchCommand } from './commands/bench.js';
import { certsCommand } from './commands/certs.js';
import {
  abortCommand,
  failureDomainCommand,
  forgetCommand,
  joinCommand,
  leaveCommand,
  replaceCommand,
  reweightCommand,
} from './commands/change.js';
import { deleteCommand } from './commands/delete.js';
import { doctorCommand } from './commands/doctor.js';
import { drainCommand } from './commands/drain.js';
import { exportCommand } from './commands/export.js';
import { getCommand } from './commands/get.js';
import { loadCommand } from './commands/load.js';
import { planCommand } from './commands/plan.js';
import { putCommand } from './commands/put.js';
import { repairCommand } from './commands/repair.js';
import { restoreCommand } from './commands/restore.js';
import { ringCommand } from './commands/ring.js';
import { scanCommand } from './commands/scan.js';
import { serveCommand } from './commands/serve.js';
import { simCommand } from './commands/sim.js';
import { statusCommand } from './commands/status.js';
import { verifyCommand } from './commands/verify.js';
import { CliError, EXIT_CODES, exitCodesHelp, printedError } from './exit-codes.js';
import { Output } from './output.js';

const COMMANDS = [
  serveCommand,
  putCommand,
  getCommand,
  deleteCommand,
  scanCommand,
  loadCommand,
  exportCommand,
  backupCommand,
  restoreCommand,
  verifyCommand,
  statusCommand,
  ringCommand,
  repairCommand,
  planCommand,
  joinCommand,
  leaveCommand,
  replaceCommand,
  reweightCommand,
  failureDomainCommand,
  abortCommand,
  forgetCommand,
  doctorCommand,
  drainCommand,
  certsCommand,
  benchCommand,
  simCommand,
];

const ABOUT = `
Every command uses the data directory ./kvorum-data unless --path, --connect or KVORUM_PATH says otherwise.
Where a process holds that directory, the command talks to it; otherwise it opens the directory itself.

Examples:
  kvorum serve                       start a server on 127.0.0.1:7379
  kvorum put greeting hello          write
  kvorum get greeting                read
  kvorum scan --prefix user:         read many, in order
  kvorum load users.ndjson           write many
  kvorum help serve                  every option of the store`;

/** Runs one command line; sets the exit code of the process. */
export async function runCommandLine(argv: readonly string[]): Promise<void> {
  const program = buildProgram(argv);
  try {
    await program.parseAsync(withoutHelpFor(program, argv));
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    process.exitCode = thrown.exitCode === 0 ? EXIT_CODES.ok.code : EXIT_CODES.usage.code;
  }
}

/**
 * The program, not yet run, for these words of a command line: commands that none of them names are without their flags.
 * Commander's own complaints are printed as the other errors are.
 */
export function buildProgram(words?: readonly string[]): Command {
  const program = new Command('kvorum')
    .description('A Dynamo-style key-value store: a whole cluster inside one process.')
    .version(SERVER_VERSION, '-V, --version', 'print the version')
    .exitOverride()
    .configureHelp({ showGlobalOptions: false, optionDescription: describeOption })
    .configureOutput({ outputError: usageErrorPrinter('--help') })
    .addHelpText('after', ABOUT)
    .addHelpText('afterAll', exitCodesHelp());
  for (const spec of COMMANDS) {
    const [name] = spec.usage.split(' ');
    const command = addCommand(program, spec, words?.includes(name) ?? true);
    command.configureOutput({ outputError: usageErrorPrinter(`help ${command.name()}`) });
  }
  return program;
}

/** `help nope` is to be refused as `nope` is, with the nearest name; commander would show the help of everything. */
function withoutHelpFor({ commands }: Command, argv: readonly string[]): string[] {
  const [, , word, named] = argv;
  const known = [undefined, 'help', ...commands.map((command) => command.name())];
  const isUnknown = word === 'help' && !known.includes(named) && !named.startsWith('-');
  return argv.filter((_, place) => !(isUnknown && place === 2));
}

/** As commander does, but a default that is text stands there as everything else: without quotes. */
function describeOption(option: Option): string {
  return new Help().optionDescription(option).replace(/default: "([^"]*)"/, 'default: $1');
}

/** Prints a complaint of commander, and which help to look at. */
function usageErrorPrinter(help: string): (text: string) => void {
  return (text) => {
    const message = text
      .replace(/^error: /, '')
      .trim()
      .replace(/\.$/, '')
      .replaceAll('\n', ' ');
    const json = process.argv.includes('--json');
    new Output(json).error(printedError(new CliError('KV_USAGE', `${message}; see kvorum ${help}`)));
  };
}
