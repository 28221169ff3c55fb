import test from 'ava';
import { Role } from '../../src/actor/address.js';
import type { AnyBehaviour } from '../../src/actor/behaviour.js';
import { Kind, Minted, Written } from '../../src/protocol/messages.js';
import { Count } from '../../src/runtime/counters.js';
import { codeOf, replicateDraft, valuesOf, writeDraft } from '../../src/sim/messages.js';
import { SimEnv } from '../sim/sim-env.js';
import { plain } from './sets.js';

/** The behaviour, with a handler that does all of its work and then throws, as long as `armed` says so. */
function throwing(behaviour: AnyBehaviour, name: 'mint' | 'minted', armed: { on: boolean }): AnyBehaviour {
  const real = behaviour.receive[name];
  if (real === undefined) return behaviour;
  const broken: typeof real = (state, message, env) => {
    real(state, message, env);
    env.timer(1, 77);
    if (armed.on) throw new Error('broken');
  };
  return { ...behaviour, receive: { ...behaviour.receive, [name]: broken } };
}

const order = (value: string, w = 1) => writeDraft({ key: 'k', value, w, deadlineMs: 60_000 });

test('supervision: a handler throws -> nothing staged, nothing sent, the actor restarts', (t) => {
  const armed = { on: true };
  const env = new SimEnv({ wrap: (_role, behaviour) => throwing(behaviour, 'mint', armed) });
  t.deepEqual(env.deliver(Role.vnode, writeDraft({ key: 'k', value: 'one', w: 1 }, Kind.mint)), []);
  t.deepEqual([env.disk.log.length, env.store.keys.length], [0, 0]);
  t.is((env.thrown[0] as Error).message, 'broken');
  t.is(env.counters[Count.actorRestarts], 1);
  armed.on = false;
  const [sent] = env.deliver(Role.vnode, writeDraft({ key: 'k', value: 'two', w: 1 }, Kind.mint));
  t.is(codeOf(sent.view.u32(Minted.outcome)), undefined);
  t.deepEqual(valuesOf(env.held('k')), ['two']);
});

test('supervision: a handler throws over a record that is there -> the record is as before', (t) => {
  const armed = { on: false };
  const env = new SimEnv({ wrap: (_role, behaviour) => throwing(behaviour, 'mint', armed) });
  env.deliver(Role.vnode, replicateDraft('k', plain('a', 1, 'kept')));
  armed.on = true;
  env.deliver(Role.vnode, writeDraft({ key: 'k', value: 'gone', w: 1 }, Kind.mint));
  t.deepEqual(valuesOf(env.held('k')), ['kept']);
  t.is(env.disk.log.length, 1);
});

test('supervision: the vnode of a write throws -> the client is told with the next sweep, not at the deadline', (t) => {
  const armed = { on: true };
  const env = new SimEnv({ wrap: (_role, behaviour) => throwing(behaviour, 'mint', armed) });
  t.deepEqual(env.deliver(Role.coordinator, order('one')), []);
  const [sent] = env.pass(30);
  t.deepEqual([sent.tag, codeOf(sent.view.u32(Written.outcome))], [Kind.written, 'KV_INTERNAL']);
});

test('supervision: the coordinator throws -> its writes are forgotten, what the vnode logged stays, the next one works', (t) => {
  const armed = { on: true };
  const env = new SimEnv({ wrap: (_role, behaviour) => throwing(behaviour, 'minted', armed) });
  t.deepEqual(env.deliver(Role.coordinator, order('one')), []);
  t.deepEqual(valuesOf(env.held('k')), ['one']);
  armed.on = false;
  const sent = env.deliver(Role.coordinator, order('two'));
  t.is(sent.filter(({ tag }) => tag === Kind.written).length, 1);
  t.is(env.thrown.length, 1);
});

test('supervision: an actor that throws again and again within a second -> its node ends; once in a while -> it goes on', (t) => {
  const armed = { on: true };
  const env = new SimEnv({ wrap: (_role, behaviour) => throwing(behaviour, 'mint', armed) });
  const draft = writeDraft({ key: 'k', value: 'v', w: 1 }, Kind.mint);
  for (let i = 0; i < 30; i++) {
    env.deliver(Role.vnode, draft);
    env.pass(150);
  }
  const fails = () => {
    for (let i = 0; i < 12; i++) env.deliver(Role.vnode, draft);
  };
  t.throws(fails, { message: 'broken' });
});

test('supervision: the clock of the host wraps -> timers go on', (t) => {
  const env = new SimEnv({ startMs: 0x1_0000_0000 - 2_500 });
  const beats: number[] = [];
  for (let i = 0; i < 6; i++) {
    env.pass(1_000);
    beats.push(env.view.heartbeatOf(0));
  }
  t.deepEqual(
    beats.map((beat) => beat - beats[0]),
    [0, 1, 2, 3, 4, 5],
  );
});
