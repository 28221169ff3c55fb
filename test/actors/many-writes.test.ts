/** What a coordinator does with writes when all slots of its table are taken. */
import test from 'ava';
import { WriteTable } from '../../actors/write-table.js';
import { DurabilityCode, failure, success } from '../../src/protocol/outcome.js';
import { SimEnv } from '../sim/sim-env.js';
import { BatchCase, orderOf } from './batch-case.js';

/** Of the coordinators of SimEnv, and of real ones. */
const SLOTS = 64;
const WRITES_MAX = 32_768;

const OK = success(1, DurabilityCode.interval);
const FULL = failure('KV_OVERLOADED');

test('write table: every slot is taken -> one id each, none opens another one; a slot that is free again has a new id', (t) => {
  const table = new WriteTable(WRITES_MAX, 0x7fff);
  const ids = new Set<number>();
  for (let i = 0; i < WRITES_MAX; i++) {
    const id = table.idOf(table.open());
    t.is(table.idOf(table.slotOf(id)), id);
    ids.add(id);
  }
  t.deepEqual([ids.size, table.active, table.open(), table.someLingering()], [WRITES_MAX, WRITES_MAX, -1, -1]);
  t.true([...ids].every((id) => id > 0));
  const slot = WRITES_MAX - 1;
  const before = table.idOf(slot);
  table.close(slot);
  t.is(table.open(), slot);
  t.is(table.slotOf(before), -1);
  t.is(table.slotOf(table.idOf(slot)), slot);
  t.is(table.open(), -1);
});

/** Batches of two members that wait for all replicas, one behind the other. */
function fill(env: SimEnv): BatchCase[] {
  return Array.from({ length: SLOTS }, (_, i) => new BatchCase(batchOf(`batch-${i}`), {}, env));
}

const batchOf = (name: string) => ['a', 'b'].map((member) => orderOf(`${name} ${member}`, { w: 3 }));

test('batch: groups hold all slots -> a further one is refused member by member, nothing minted; the others end as ever', (t) => {
  const env = new SimEnv();
  const batches = fill(env);
  t.is(batches[0].open, SLOTS);
  const logged = env.disk.log.length;
  const late = new BatchCase(batchOf('late'), {}, env);
  t.deepEqual([late.outcomes, late.open, env.disk.log.length], [['KV_OVERLOADED', 'KV_OVERLOADED'], SLOTS, logged]);
  for (const batch of batches) for (const node of [1, 2]) batch.answer(node, OK);
  for (const batch of batches) t.deepEqual([...batch.ends.values()], [[3], [3]]);
  t.is(late.open, 0);
  const next = new BatchCase(batchOf('next'), {}, env);
  for (const node of [1, 2]) next.answer(node, OK);
  t.deepEqual(next.outcomes, [3, 3]);
});

test('batch: a replica refuses one record, and no slot is free to set it apart -> it has failed for the group, which is unmet', (t) => {
  const env = new SimEnv();
  const [first, ...others] = fill(env);
  first.answer(1, OK);
  first.answer(2, FULL, 0, 1);
  first.answer(2, OK, 1, 1);
  t.deepEqual([...first.ends.values()], [['KV_WRITE_QUORUM_UNMET'], ['KV_WRITE_QUORUM_UNMET']]);
  for (const batch of others) for (const node of [1, 2]) batch.answer(node, OK);
  for (const batch of others) t.deepEqual([...batch.ends.values()], [[3], [3]]);
  first.pass(600);
  t.deepEqual([first.open, env.thrown], [0, []]);
  t.is(env.hints.hints, 2, 'each record is owed to the replica, whichever it has');
});
