/** `kvorum repair` on a directory that nobody holds, and against a running process. */
import test from 'ava';
import { Cli } from './cli-runner.js';

test('repair: a directory -> every partition is compared; --json, --dry-run and --partition as asked', async (t) => {
  const cli = await Cli.create(t, 2);
  await cli.must(['put', 'user:1', 'Ann']);
  t.regex((await cli.must(['repair'])).stdout, /^compared 16 of 16 partitions: 0 keys differed, 0 records copied\n$/);
  const [found] = await cli.json(['repair', '--dry-run', '--partition', '3']);
  t.like(found, { done: 1, partitions: 1, differing: 0, moved: 0, failed: [], dryRun: true });
  t.is((await cli.run(['repair', '--partition', '16'])).code, 2);
  t.regex((await cli.must(['status'])).stdout, /\nrepairs {9}\d+ comparisons, 0 keys differed/);
});
