/** Reads the repository's own TypeScript sources. */
import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SourceFile } from './rules.js';
import { maskSource } from './source-mask.js';

/** The root of the repository, seen from the compiled test. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Every `.ts` file under the folders, masked. Throws, with its path, for a file that cannot be scanned. */
export async function readSources(folders: readonly string[]): Promise<SourceFile[]> {
  const lists = await Promise.all(folders.map(listFiles));
  return Promise.all(lists.flat().sort().map(readSource));
}

async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(join(ROOT, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).replaceAll(sep, '/'));
}

async function readSource(path: string): Promise<SourceFile> {
  try {
    return { path, ...maskSource(await readFile(join(ROOT, path), 'utf8')) };
  } catch (thrown) {
    throw new Error(`${path}: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  }
}
