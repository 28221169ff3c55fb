/**
 * Loads compiled modules in their rewritten form: those that are named, and whatever of them they import. Everything else
 * is imported as it is. A patch changes the text of a module before it is rewritten: to plant a bug, or to make a constant
 * small enough to be explored.
 */
import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import type { Program } from 'acorn';
import type { Machine } from './machine.js';
import { rewriteModule } from './rewrite.js';
import { findSuspending } from './suspending.js';
import { parseModule } from './syntax.js';

/** Replaces a piece of a module's compiled text, which it must hold exactly once. */
export interface Patch {
  /** Path under the compiled tree: `src/runtime/mailbox.js`. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export interface LoadOptions {
  readonly machine: Machine;
  /** Paths of the modules to rewrite. */
  readonly files: readonly string[];
  readonly patches?: readonly Patch[];
  /** Another of `files` in the place of a module, by their paths. */
  readonly standIns?: Readonly<Record<string, string>>;
  /** Global names as the modules see them. */
  readonly globals?: Readonly<Record<string, unknown>>;
}

type Exports = Record<string, unknown>;

/** What has the prototype of a generator is one. */
const AnyGenerator = function AnyGenerator() {} as unknown as { prototype: object };
AnyGenerator.prototype = Object.getPrototypeOf(function* none() {}).prototype as object;

/** Steps of the machine that a scenario calls itself. */
const SUSPENDING = ['pause', 'hold'];
const TREE = new URL('../../', import.meta.url);

/** The exports of `entry`, which is one of `files`. */
export async function loadRewritten(entry: string, options: LoadOptions): Promise<Exports> {
  const sources = new Map(options.files.map((file) => [file, patched(file, options.patches ?? [])]));
  const programs = new Map<string, Program>();
  for (const [file, source] of sources) programs.set(file, parseModule(source));
  const suspending = findSuspending([...programs.values()], SUSPENDING);
  const loaded = new Map<string, Exports>();

  const load = async (file: string): Promise<Exports> => {
    const known = loaded.get(file);
    if (known !== undefined) return known;
    const program = programs.get(file) as Program;
    const imports = new Map<string, object>();
    for (const specifier of importsOf(program)) {
      const asked = specifier.startsWith('.') ? posix.join(posix.dirname(file), specifier) : specifier;
      const path = options.standIns?.[asked] ?? asked;
      imports.set(specifier, sources.has(path) ? await load(path) : await real(path));
    }
    const body = `${rewriteModule(sources.get(file) as string, program, suspending)}\n//# sourceURL=rewritten/${file}`;
    const globals = options.globals ?? {};
    const exports: Exports = {};
    const run = new Function('$m', '$G', '$i', '$x', ...Object.keys(globals), body);
    run(options.machine, AnyGenerator, (name: string) => imports.get(name), exports, ...Object.values(globals));
    loaded.set(file, exports);
    return exports;
  };
  return load(entry);
}

async function real(path: string): Promise<object> {
  const isFile = path.startsWith('src/') || path.startsWith('test/') || path.startsWith('actors/');
  return (await import(isFile ? new URL(path, TREE).href : path)) as object;
}

function importsOf(program: Program): string[] {
  return program.body.flatMap((node) => (node.type === 'ImportDeclaration' ? [String(node.source.value)] : []));
}

function patched(file: string, patches: readonly Patch[]): string {
  let text = readFileSync(new URL(file, TREE), 'utf8');
  for (const patch of patches) {
    if (patch.file !== file) continue;
    const parts = text.split(patch.from);
    if (parts.length !== 2) throw new Error(`${file} holds ${parts.length - 1} times, not once: ${patch.from}`);
    text = parts.join(patch.to);
  }
  return text;
}
