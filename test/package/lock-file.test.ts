/**
 * The lock file is whole: `npm ci`, with which the image of deploy/Dockerfile is built, refuses one that lacks a package
 * that another names. `npm install` leaves out an optional package that no registry had for it, and says nothing.
 */
import { readFileSync } from 'node:fs';
import test from 'ava';

interface Locked {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

type Packages = Readonly<Record<string, Locked>>;

const LOCK_FILE = new URL('../../../package-lock.json', import.meta.url);

test('lock file: what its packages depend on, optional or not -> is in it', (t) => {
  const { packages } = JSON.parse(readFileSync(LOCK_FILE, 'utf8')) as { packages: Packages };
  t.true(Object.keys(packages).length > 100);
  t.deepEqual(lackingOf(packages), []);
});

test('lock file: one package taken out of it -> is missed, by each that names it', (t) => {
  const packages: Packages = {
    '': { devDependencies: { a: '^1.0.0' }, dependencies: { b: '^1.0.0' } },
    'node_modules/a': { dependencies: { b: '^2.0.0', c: '^1.0.0' } },
    'node_modules/a/node_modules/b': { optionalDependencies: { c: '^1.0.0', d: '^1.0.0' } },
    'node_modules/b': {},
    'node_modules/c': {},
  };
  t.deepEqual(lackingOf(packages), ['node_modules/a/node_modules/b: d']);
  const { 'node_modules/c': _, ...without } = packages;
  t.deepEqual(lackingOf(without), [
    'node_modules/a: c',
    'node_modules/a/node_modules/b: c',
    'node_modules/a/node_modules/b: d',
  ]);
});

/** `folder: name` of every dependency that is in no `node_modules` at or above the folder that names it. */
function lackingOf(packages: Packages): string[] {
  return Object.entries(packages).flatMap(([folder, locked]) => {
    const names = Object.keys({ ...locked.dependencies, ...locked.devDependencies, ...locked.optionalDependencies });
    return names.filter((name) => !isFound(packages, folder, name)).map((name) => `${folder}: ${name}`);
  });
}

function isFound(packages: Packages, folder: string, name: string): boolean {
  if (`${folder === '' ? '' : `${folder}/`}node_modules/${name}` in packages) return true;
  return folder !== '' && isFound(packages, parentOf(folder), name);
}

/** The package in whose `node_modules` a folder lies; the root, '', for those at the top. */
function parentOf(folder: string): string {
  return folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')));
}
