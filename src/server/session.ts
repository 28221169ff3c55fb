/**
 * What commands may know and change: of their connection (`Session`) and of the server behind it (`ServerContext`).
 */
import type { Store } from '../client/types.js';
import type { CommandSpec } from './command-spec.js';
import type { Draining } from './draining.js';
import type { LocalReads } from './local-reads.js';
import type { RecordCursors } from './record-cursors.js';
import type { ReplyBudget } from './reply-budget.js';
import type { RespProtocol } from './resp-writer.js';
import type { ScanCursors } from './scan-cursors.js';

/** How errors of the store read: `KV_... message`, or `KV_... {"message","details"}`, for which `KVORUM ERRORS` asks. */
export type ErrorForm = 'plain' | 'json';

/** One client's connection. */
export interface Session {
  readonly id: number;
  /** `host:port` of the client, or the socket's path. */
  readonly address: string;
  readonly localAddress: string;
  readonly connectedAtMs: number;
  readonly server: ServerContext;
  lastCommandAtMs: number;
  lastCommand: string;
  protocol: RespProtocol;
  errorForm: ErrorForm;
  clientName: string;
  libraryName: string;
  libraryVersion: string;
  /** Set by QUIT: close once everything is answered. */
  closing: boolean;
}

/** Counters since the server started. */
export interface ServerCounters {
  connectionsReceived: number;
  connectionsRefused: number;
  commands: number;
  errorReplies: number;
  protocolErrors: number;
  /** Connections ended because the server itself failed; must be 0. */
  internalErrors: number;
  bytesIn: number;
  bytesOut: number;
}

export interface ServerContext {
  readonly store: Store;
  readonly localReads: LocalReads;
  readonly cursors: ScanCursors;
  readonly recordCursors: RecordCursors;
  readonly replyBudget: ReplyBudget;
  readonly commands: ReadonlyMap<string, CommandSpec>;
  readonly counters: ServerCounters;
  readonly startedAtMs: number;
  readonly connectionsMax: number;
  readonly dataPath: string;
  /** How the process ends; undefined where it cannot be asked to. */
  readonly draining: Draining | undefined;
  readonly sessions: () => Iterable<Session>;
  readonly port: () => number;
  /** Random for each server, as Redis' run id: 40 hexadecimal digits. */
  readonly runId: string;
}
