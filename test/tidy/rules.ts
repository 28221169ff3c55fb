/**
 * The house rules that a machine can check, each a pure function of one source file: lengths, floors, banned effects,
 * the ordering comment of each atomic step, names and exports. docs/architecture.md gives the reasons.
 */
import { isBuiltin } from 'node:module';
import { posix } from 'node:path';
import { findFunctions } from './functions.js';
import { findImports } from './imports.js';
import { lineAt, type Masked } from './source-mask.js';

export interface SourceFile extends Masked {
  /** From the root of the repository, with slashes: `src/core/ring.ts`. */
  readonly path: string;
}

/** What is wrong, one line each: `path:line: what`. */
export type Rule = (file: SourceFile) => string[];

export const FILE_LINES_MAX = 300;
export const FUNCTION_LINES_MAX = 60;

/** Floors, lowest first: a file imports from lower floors and from its own folder only. */
export const FLOORS: Readonly<Record<string, number>> = {
  'src/core': 0,
  'src/protocol': 1,
  'src/actor': 2,
  'src/storage': 3,
  'src/runtime': 3,
  actors: 3,
  'src/bridge': 3.5,
  'src/host': 4,
  'src/client': 5,
  'src/server': 6,
  'src/sim': 6,
  // The roots of the tree, which put the others together: the package's entry, and the command line that starts servers.
  'src/index.ts': 7,
  'src/cli': 8,
};

const PURE = ['src/core/', 'src/protocol/', 'src/actor/', 'actors/'];
const BANNED =
  /(?<![.\w$#])(?:Date|process|performance|setTimeout|setInterval|setImmediate|queueMicrotask|globalThis|crypto)\b|\bMath\s*\.\s*random\b/g;
const KEBAB = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
const ATOMICS_COMMENT_LINES = 3;

export const fileLength: Rule = ({ path, source }) => {
  const lines = source.split('\n').length - (source.endsWith('\n') ? 1 : 0);
  return lines > FILE_LINES_MAX ? [`${path}:${lines}: the file is longer than ${FILE_LINES_MAX} lines`] : [];
};

export const functionLength: Rule = (file) =>
  findFunctions(file)
    .filter(({ lines }) => lines > FUNCTION_LINES_MAX)
    .map(({ line, lines }) => `${file.path}:${line}: a function of ${lines} lines, at most ${FUNCTION_LINES_MAX}`);

export const floors: Rule = (file) => {
  const own = floorOf(file.path);
  if (own === undefined) return [];
  return findImports(file).flatMap(({ specifier, line }) => {
    // Packages and data (package.json) stand on no floor.
    if (!specifier.startsWith('.') || !specifier.endsWith('.js')) return [];
    const target = posix.join(posix.dirname(file.path), specifier);
    const other = floorOf(target);
    if (other === undefined) return [`${file.path}:${line}: imports ${target}, which is on no floor`];
    if (other.folder === own.folder || other.floor < own.floor) return [];
    return [`${file.path}:${line}: ${own.folder} (floor ${own.floor}) imports ${other.folder} (floor ${other.floor})`];
  });
};

export const pureFloors: Rule = (file) => {
  if (!PURE.some((folder) => file.path.startsWith(folder))) return [];
  const words = [...file.code.matchAll(BANNED)].map(
    (match) => `${file.path}:${lineAt(file.source, match.index)}: uses ${match[0].replace(/\s/g, '')}`,
  );
  const builtins = findImports(file)
    .filter(({ specifier }) => isBuiltin(specifier))
    .map(({ specifier, line }) => `${file.path}:${line}: imports ${specifier}`);
  return [...words, ...builtins];
};

/** Each line with an atomic step carries a `//` comment, or follows one within three lines. */
export const atomicsOrdering: Rule = ({ path, source, code, comments }) => {
  const commented = new Set(
    comments.filter(({ text }) => text.startsWith('//')).map(({ start }) => lineAt(source, start)),
  );
  return code.split('\n').flatMap((text, index) => {
    if (!/\bAtomics\s*\./.test(text)) return [];
    const line = index + 1;
    for (let near = line; near >= line - ATOMICS_COMMENT_LINES; near--) if (commented.has(near)) return [];
    return [`${path}:${line}: an atomic step without a comment that names its ordering`];
  });
};

export const kebabNames: Rule = ({ path }) => {
  const parts = path.replace(/(?:\.(?:test|bench|d))?\.ts$/, '').split('/');
  return parts.filter((part) => !KEBAB.test(part)).map((part) => `${path}:1: '${part}' is not kebab-case`);
};

/** A `.d.ts` describes someone else's module, as it is. */
export const namedExports: Rule = ({ path, source, code }) =>
  [...(path.endsWith('.d.ts') ? '' : code).matchAll(/\bexport\s+default\b|\bas\s+default\b/g)].map(
    (match) => `${path}:${lineAt(source, match.index)}: a default export`,
  );

export const headComment: Rule = ({ path, source }) =>
  /^(?:#!.*\n)?\s*\/[/*]/.test(source) ? [] : [`${path}:1: the file does not open with a comment`];

function floorOf(path: string): { folder: string; floor: number } | undefined {
  const typed = path.replace(/\.js$/, '.ts');
  for (const [folder, floor] of Object.entries(FLOORS)) {
    if (typed === folder || typed.startsWith(`${folder}/`)) return { folder, floor };
  }
  return undefined;
}
