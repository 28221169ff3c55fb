/** The gossip suite at its smallest: every death is noticed, nobody is suspected in health, and the table is whole. */
import test from 'ava';
import { runGossipSuite } from '../../bench/gossip/suite.js';
import { parseBenchOptions } from '../../bench/options.js';

test('gossip suite: --once -> every figure, deaths noticed, no suspicion in health', (t) => {
  const lines: string[] = [];
  const { sizes } = parseBenchOptions(['--suite', 'gossip', '--once']);
  const results = runGossipSuite({ ...sizes, wants: () => true, progress: (line) => lines.push(line) });
  const figures = ['avoided', 'down', 'false-suspicions', 'false-downs', 'traffic'];
  const ids = ['local.loss-0', 'lan.loss-0', 'lan.loss-1', 'lan.loss-5'].map((which) => `gossip.3.${which}`);
  t.deepEqual(
    results.map(({ id }) => id),
    ids.flatMap((id) => figures.map((figure) => `${id}.${figure}`)),
  );
  for (const { id, ours, held } of results) {
    if (id.includes('false')) t.is(ours, 0, id);
    else t.true(ours > 0 && ours < 1_000 && held !== false, `${id}: ${ours}`);
  }
  t.is(new Set(lines.map((line) => line.split('|').length)).size, 1);
  t.is(lines.length, 2 + ids.length);
});

test('gossip suite: a seed twice -> the same figures', (t) => {
  const run = () =>
    runGossipSuite({
      gossip: [{ nodes: 5, nodeSeconds: 100, deaths: 2 }],
      wants: () => true,
      progress: () => undefined,
    });
  t.deepEqual(run(), run());
});
