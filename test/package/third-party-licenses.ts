/**
 * THIRD-PARTY-LICENSES, made from the bundles of the threads: they hold code of other packages, whose licenses ask to go
 * wherever the code goes. `node dist/test/package/third-party-licenses.js > THIRD-PARTY-LICENSES` writes it anew.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const BUNDLES = ['dist/src/host/worker-main.js', 'dist/src/host/bridge-main.js', 'dist/src/cli/main.js'];
const LICENSE_FILE = /^(?:licen[cs]e|notice|copying)(?:\.(?:md|txt))?$/i;

const HEAD = `The files ${BUNDLES.slice(0, -1).join(' and ')} of this package hold, besides
its own code, code of the packages below, put there by esbuild and otherwise unchanged. Each is under its own license.
`;

/** Packages whose code is in a bundle, by the comments in which esbuild names each file. */
export function bundledPackages(): string[] {
  const names = BUNDLES.flatMap((bundle) => {
    const text = readFileSync(join(ROOT, bundle), 'utf8');
    const found = text.matchAll(/^\s*\/\/ (?:\S*\/)?node_modules\/((?:@[^/\s]+\/)?[^/\s]+)\//gm);
    return [...found].map(([, name]) => name);
  });
  return [...new Set(names)].sort();
}

/** The whole file. */
export function thirdPartyLicenses(): string {
  return [HEAD, ...bundledPackages().map(section)].join('\n');
}

function section(name: string): string {
  const folder = join(ROOT, 'node_modules', name);
  const { license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { license: string };
  const files = readdirSync(folder).filter((file) => LICENSE_FILE.test(file));
  if (files.length === 0) throw new Error(`${name} has no license file to copy`);
  const texts = files.sort().map((file) => readFileSync(join(folder, file), 'utf8').replaceAll('\r\n', '\n').trim());
  return `${'='.repeat(80)}\n${name} (${license})\n${'='.repeat(80)}\n\n${texts.join('\n\n')}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(thirdPartyLicenses());
