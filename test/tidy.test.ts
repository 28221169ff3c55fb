/** The house rules over the repository's own sources; `test/tidy/` tests that the rules can fail. */
import test from 'ava';
import * as rules from './tidy/rules.js';
import { readSources } from './tidy/source-files.js';

const PRODUCT = ['src', 'actors'];
const EVERYTHING = [...PRODUCT, 'bench', 'test', 'examples'];

const CHECKS: readonly { readonly title: string; readonly rule: rules.Rule; readonly folders: readonly string[] }[] = [
  { title: 'a file -> at most 300 lines', rule: rules.fileLength, folders: EVERYTHING },
  { title: 'a function -> at most 60 lines', rule: rules.functionLength, folders: EVERYTHING },
  { title: 'a name -> kebab-case', rule: rules.kebabNames, folders: EVERYTHING },
  { title: 'an export -> named', rule: rules.namedExports, folders: EVERYTHING },
  { title: 'a file -> opens with a comment', rule: rules.headComment, folders: PRODUCT },
  { title: 'an import -> from a lower floor or the own folder', rule: rules.floors, folders: PRODUCT },
  {
    title: 'a pure floor -> no clock, chance, process, timer or node: import',
    rule: rules.pureFloors,
    folders: PRODUCT,
  },
  { title: 'an atomic step -> names its ordering', rule: rules.atomicsOrdering, folders: [...PRODUCT, 'bench'] },
];

for (const { title, rule, folders } of CHECKS) {
  test(`tidy: ${title}`, async (t) => {
    const files = await readSources(folders);
    t.true(files.length > 0);
    const broken = files.flatMap(rule);
    t.deepEqual(broken, [], broken.join('\n'));
  });
}
