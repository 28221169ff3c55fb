/**
 * The actor that runs quorums, one for each node (DeCandia et al., "Dynamo: Amazon's Highly Available Key-value Store",
 * SOSP 2007, section 4.5).
 *
 *   write    client -> here -> own vnode (mint) -> here -> the other replicas (replicate) -> here -> client, after W
 *            a primary that is skipped: a stand-in gets the record with a hint (standIn), or this node keeps the hint
 *   batch    client -> here (minted at once, as own vnodes would) -> the other coordinators -> here -> client
 *   unread   a write of a key whose record here cannot be read waits for those of the others (mending.ts)
 *   read     client -> here -> R replicas (fetch) -> here -> client; stale replicas get what they lack (replicate)
 *
 * What is acknowledged is decided by core/write-quorum and core/read-quorum; its files send what they decide.
 */
import type { Behaviour } from '../src/actor/behaviour.js';
import type { Env } from '../src/actor/env.js';
import type { MessageView } from '../src/protocol/header.js';
import { Kind } from '../src/protocol/messages.js';
import { Barriers } from './barriers.js';
import { replicatedMany } from './batch-answers.js';
import { replicateMany } from './batch-replicas.js';
import { mintMany } from './batch-writes.js';
import { fetched, type Reads, read, readReplicated, sweepReads } from './coordinator-reads.js';
import { minted, replicated, startWrites, sweepWrites, type Writes, write } from './coordinator-writes.js';
import type { VnodeOptions } from './vnode-mint.js';

export interface CoordinatorOptions {
  /** The node's: writes that name another one are refused. */
  readonly incarnation: number;
  /** Writes that wait for their quorum at the same time; more are refused. */
  readonly writesMax?: number;
  /** What the vnodes of the node go by. */
  readonly vnodes: VnodeOptions;
  /** The smallest W of writes. */
  readonly w: number;
}

export interface CoordinatorState {
  readonly writes: Writes;
  readonly reads: Reads;
  readonly barriers: Barriers;
  sweeping: boolean;
}

type Handles =
  | 'write'
  | 'minted'
  | 'replicated'
  | 'writeMany'
  | 'mintMany'
  | 'mend'
  | 'replicateMany'
  | 'replicatedMany'
  | 'read'
  | 'fetched'
  | 'barrier';

const WRITES_MAX = 32_768;
const SWEEP_MS = 25;

/** The behaviour of a node's coordinator. */
export function coordinator(options: CoordinatorOptions): Behaviour<CoordinatorState, Handles> {
  const { writesMax = WRITES_MAX } = options;
  return {
    role: 'coordinator',
    init: (env) => ({
      reads: { open: new Map(), next: env.random() >>> 1 },
      writes: startWrites({ ...options, writesMax }, env),
      barriers: new Barriers(),
      sweeping: false,
    }),
    receive: {
      write(state, message, env) {
        armSweep(state, env);
        write(state.writes, message, env);
      },
      minted: (state, message, env) => minted(state.writes, message, env),
      replicated(state, message, env) {
        if (message.request < 0) readReplicated(state.reads, message, env);
        else replicated(state.writes, message, env);
      },
      writeMany(state, message, env) {
        armSweep(state, env);
        // behind the writes whose mint waits in this turn: those of a key keep their order
        env.forward(message, Kind.mintMany, env.self, message.request);
      },
      mintMany: (state, message, env) => mintMany(state.writes, message, env),
      mend: (state, message, env) => state.writes.mending.begin(message, env),
      replicateMany: (state, message, env) => replicateMany(state.writes.vnodes, message, env),
      replicatedMany: (state, message, env) => replicatedMany(state.writes, message, env),
      read: beginRead,
      fetched(state, message, env) {
        if (message.request < 0) fetched(state.reads, message, env);
        else state.writes.mending.fetched(message, env);
      },
      barrier(state, message, env) {
        armSweep(state, env);
        state.barriers.begin(message, state.reads.open, env);
      },
    },
    onTimer: sweep,
  };
}

function beginRead(state: CoordinatorState, message: MessageView, env: Env): void {
  armSweep(state, env);
  read(state.reads, message, env);
}

function armSweep(state: CoordinatorState, env: Env): void {
  if (state.sweeping) return;
  state.sweeping = true;
  env.timer(SWEEP_MS, state.writes.life);
}

/** Ends what is past its deadline or cannot succeed any more; runs as long as anything is open. */
function sweep(state: CoordinatorState, token: number, env: Env): void {
  if (token !== state.writes.life) return;
  sweepWrites(state.writes, env);
  sweepReads(state.reads, env);
  state.barriers.visit(state.reads.open, env);
  state.sweeping = false;
  if (state.writes.table.active > 0 || state.reads.open.size > 0 || state.barriers.size > 0) armSweep(state, env);
}
