/** `kvorum sim` as a process: its report, replays, planted faults and bad flags. */
import test from 'ava';
import type { CampaignReport } from '../../src/sim/campaign.js';
import { Cli } from './cli-runner.js';

test('sim: some seeds, twice, on one thread and on two -> exit code 0 and the same report', async (t) => {
  const cli = await Cli.create(t);
  const [first] = await cli.json(['sim', '--seeds', '12', '--seed', '7', '--threads', '1']);
  const [second] = await cli.json(['sim', '--seeds', '12', '--seed', '7', '--threads', '2']);
  t.like(first, { firstSeed: 7, seeds: 12, failed: [], replays: [] });
  t.deepEqual({ ...first, seconds: 0 }, { ...second, seconds: 0 });
  const { operations, virtualHours, faults, rarePaths } = first as unknown as CampaignReport;
  t.true(operations > 500 && virtualHours > 0.01);
  t.true(faults['node crash'] > 0 && Object.keys(rarePaths.reached).length > 0);
});

test('sim: a planted fault -> exit code 6, the command that replays it, a trace', async (t) => {
  const cli = await Cli.create(t);
  const args = ['sim', '--seeds', '20', '--plant', 'forgets tombstones'];
  const { code, stdout } = await cli.run(args);
  t.is(code, 6);
  const [, seed] = /FAILED: kvorum sim --seed (\d+) --plant 'forgets tombstones'/.exec(stdout) ?? [];
  t.regex(stdout, /client \d was told/);
  const again = await cli.run(['sim', '--seed', seed, '--plant', 'forgets tombstones']);
  t.is(again.code, 6);
  t.true(again.stdout.includes(`--seed ${seed}`));
});

test('sim: flags that it does not know -> exit code 2; the list of faults to plant -> names', async (t) => {
  const cli = await Cli.create(t);
  t.is((await cli.run(['sim', '--plant', 'nonsense'])).code, 2);
  t.is((await cli.run(['sim', '--seeds', 'many'])).code, 2);
  const { code, stderr } = await cli.run(['sim', '--nodes', '2', '--n', '3']);
  t.deepEqual([code, stderr], [2, 'kvorum: KV_USAGE: --n 3 is more than --nodes 2\n']);
  t.true((await cli.must(['sim', '--plant', 'list'])).stdout.includes('forgets tombstones\n'));
});
