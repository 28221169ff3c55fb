/** `kvorum doctor` as a shell runs it. */
import test from 'ava';
import { Cli } from '../cli-runner.js';

interface Doctored {
  readonly fail: number;
  readonly findings: { readonly check: string; readonly state: string }[];
}

async function doctor(cli: Cli, args: readonly string[] = []): Promise<Doctored & { readonly code: number | null }> {
  const { code, stdout } = await cli.run(['doctor', ...args, '--json']);
  return { code, ...(JSON.parse(stdout) as Doctored) };
}

const failedIn = ({ findings }: Doctored): string[] =>
  findings.filter(({ state }) => state === 'fail').map(({ check }) => check);

test('doctor: a store, running and not -> exit code 0; given options of another one -> 1, and which', async (t) => {
  const cli = await Cli.create(t, 2);
  await cli.must(['put', 'k', 'v']);
  const alone = await doctor(cli);
  t.deepEqual([alone.code, failedIn(alone)], [0, []]);
  const other = await doctor(cli, ['--partitions', '32']);
  t.deepEqual([other.code, failedIn(other)], [1, ['directory', 'options']]);
  const server = await cli.serve();
  const served = await doctor(cli);
  t.deepEqual([served.code, failedIn(served)], [0, []]);
  t.true(served.findings.some(({ check }) => check === 'clock'));
  const { stdout } = await cli.must(['doctor', '--connect', String(server.ready.resp)]);
  t.regex(stdout, /\nok +nodes +all 2 nodes are up\n/);
});

test('doctor: no store, nobody at the address -> exit codes 1 and 4', async (t) => {
  const cli = await Cli.create(t, 2);
  const none = await doctor(cli);
  t.deepEqual([none.code, failedIn(none)], [1, ['directory']]);
  t.regex((await cli.run(['doctor'])).stdout, /\nfail +directory +there is no directory /);
  t.is((await cli.run(['doctor', '--connect', `${cli.folder}/none.sock`])).code, 4);
});
