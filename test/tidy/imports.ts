/** Finds what a source imports: `from '...'`, `import '...'`, `import('...')`, and workers named by `new URL('...')`. */
import { lineAt, type Masked } from './source-mask.js';

export interface Import {
  readonly specifier: string;
  readonly line: number;
}

const IMPORTING = /(?:\bfrom|\bimport|\bimport\s*\(|\bnew\s+URL\s*\()\s*(['"])/g;

/** Every import and re-export of the source, types included. */
export function findImports({ source, code }: Masked): Import[] {
  return [...code.matchAll(IMPORTING)].map((match) => {
    const start = match.index + match[0].length;
    return { specifier: source.slice(start, code.indexOf(match[1], start)), line: lineAt(source, match.index) };
  });
}
